import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isolateSubnet } from '../../functions/clouds/aws/steps/isolate-subnet.ts'
import { isStopNeeded } from '../../functions/clouds/aws/steps/stop.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import { subnetLeases } from '../../functions/core/subnet-leases.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import type { Fate } from './aws-servers.ts'
import { afterStep, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

type Stage = Awaited<ReturnType<typeof stageFor>>

/** The instance with one interface, alone in subnet-1. */
function alone({ interfaces }: Cloud): void {
  for (const id of ['eni-2', 'eni-4']) interfaces.delete(id)
}

async function stageFor(edit: (cloud: Cloud) => void = alone, fate?: (operation: string, earlier: number) => Fate) {
  const stage = await setStage(fate, edit)
  const leases = subnetLeases(memoryLedger(Date))
  const before = structuredClone({ acls: stage.cloud.acls, subnets: stage.cloud.subnets })
  return {
    ...stage,
    step: isolateSubnet(stage.ec2, leases, { isolateSubnet: true }),
    off: isolateSubnet(stage.ec2, leases, {}),
    serving: () => stage.cloud.subnets.get('subnet-1')?.acl ?? '',
    network: () => ({ acls: stage.cloud.acls, subnets: stage.cloud.subnets }),
    before,
    [Symbol.asyncDispose]: () => stage[Symbol.asyncDispose](),
  }
}

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })

async function applied({ step, described }: Stage, incident?: Incident, attempt = 1) {
  const given = incident ?? incidentOf(await described())
  const outcome = await step.apply(work(given, attempt))
  return { outcome, after: afterStep(given, step, outcome) }
}

const passing = ({ cloud }: Stage, acl: string) => cloud.acls.get(acl)?.entries.filter(({ allow }) => allow)

test('a subnet in which the instance stands alone is put behind an ACL that lets nothing pass, and back byte for byte', async () => {
  await using stage = await stageFor()
  const { outcome, after } = await applied(stage)
  const barrier = stage.serving()
  assert.deepEqual(outcome.done, [`Put subnet-1 behind ${barrier}, which lets nothing pass`])
  assert.notEqual(barrier, 'acl-1')
  assert.deepEqual(passing(stage, barrier), [])
  assert.equal(stage.cloud.subnets.get('subnet-2')?.acl, 'acl-2')
  assert.deepEqual(await stage.step.verify(work(after)), { holds: true, notes: [] })
  assert.deepEqual(await stage.step.drifted?.(work(after)), [])
  const { done, unable } = await stage.step.revert(work(after))
  assert.deepEqual([done, unable], [['Put subnet-1 behind acl-1 again'], []])
  assert.deepEqual(stage.network(), stage.before)
  assert.deepEqual((await stage.step.revert(work(after))).unable, [])
})

test('a subnet is left alone in which any other interface stands, and the ticket names it', async () => {
  const strangers: readonly [string, (cloud: Cloud) => void][] = [
    ['eni-4', ({ interfaces }) => interfaces.delete('eni-2')],
    [
      'eni-3',
      cloud => {
        alone(cloud)
        Object.assign(cloud.interfaces.get('eni-3') ?? {}, { subnet: 'subnet-1' })
      },
    ],
  ]
  for (const [stranger, edit] of strangers) {
    await using stage = await stageFor(edit)
    const { outcome, after } = await applied(stage)
    assert.deepEqual(outcome.unable, [`subnet-1 is not cut off: ${stranger} stand in it, too`])
    assert.equal((await stage.step.verify(work(after))).holds, true)
    assert.deepEqual(await stage.step.revert(work(after)), { done: [], unable: [], facts: {} })
    assert.deepEqual(stage.network(), stage.before)
  }
})

test('a subnet whose ACL belongs to another account is left alone', async () => {
  await using stage = await stageFor(cloud => {
    alone(cloud)
    Object.assign(cloud.acls.get('acl-1') ?? {}, { owner: '444455556666' })
  })
  const { outcome } = await applied(stage)
  assert.match(outcome.unable.join(), /subnet-1 is not cut off: another account's ACL serves it/)
  assert.deepEqual(stage.network(), stage.before)
})

test('a neighbour who comes into the subnet gets it back', async () => {
  await using stage = await stageFor()
  const { after } = await applied(stage)
  const own = stage.cloud.interfaces.get('eni-1') ?? assert.fail()
  stage.cloud.interfaces.set('eni-9', { ...structuredClone(own), id: 'eni-9', instance: 'i-2', address: '10.0.1.99' })
  const { holds, notes } = await stage.step.verify(work(after))
  assert.deepEqual([holds, notes], [false, ['eni-9 stands in subnet-1']])
  const again = await applied(stage, after, 2)
  assert.deepEqual(again.outcome.unable, ['subnet-1 is cut off no more: eni-9 stand in it by now'])
  assert.deepEqual(stage.network(), stage.before)
  assert.equal((await stage.step.verify(work(again.after))).holds, true)
})

test('verify() sees a subnet that was taken back and a barrier that lets something pass, and both are mended', async () => {
  await using stage = await stageFor()
  let { after } = await applied(stage)
  const barrier = stage.serving()
  for (const spoil of [
    () => Object.assign(stage.cloud.subnets.get('subnet-1') ?? {}, { acl: 'acl-1' }),
    () =>
      stage.cloud.acls
        .get(stage.serving())
        ?.entries.push({ number: 1, egress: true, allow: true, cidr: '0.0.0.0/0', protocol: '-1' }),
  ]) {
    spoil()
    const { holds, notes } = await stage.step.verify(work(after))
    assert.equal(holds, false)
    assert.match(notes.join(), /which may let something pass/)
    after = (await applied(stage, after, 2)).after
    assert.deepEqual(passing(stage, stage.serving()), [])
    assert.equal((await stage.step.verify(work(after))).holds, true)
  }
  assert.notEqual(stage.serving(), barrier, 'what somebody opened is not used again')
  await stage.step.revert(work(after))
  assert.deepEqual(stage.network(), stage.before)
})

test('drifted() tells another ACL before the subnet, an original that is gone and an opened barrier', async () => {
  await using stage = await stageFor()
  const { after } = await applied(stage)
  const barrier = stage.serving()
  const subnet = stage.cloud.subnets.get('subnet-1') ?? assert.fail()
  const drifted = () => stage.step.drifted?.(work(after))
  subnet.acl = 'acl-1'
  assert.deepEqual(await drifted(), [], 'put back by hand')
  subnet.acl = 'acl-2'
  assert.deepEqual(await drifted(), [{ resource: 'subnet-1', left: `behind ${barrier}`, found: 'behind acl-2' }])
  assert.deepEqual((await stage.step.revert(work(after))).unable, [
    'subnet-1 is behind acl-2 by now, so it is left there',
  ])
  assert.equal(stage.cloud.acls.has(barrier), false)
})

test('a subnet whose own ACL was deleted stays cut off, and force says so', async () => {
  await using stage = await stageFor()
  const { after } = await applied(stage)
  const barrier = stage.serving()
  stage.cloud.acls.delete('acl-1')
  assert.deepEqual(await stage.step.drifted?.(work(after)), [
    { resource: 'acl-1', left: 'to serve subnet-1 again', found: 'deleted' },
  ])
  assert.deepEqual((await stage.step.revert(work(after))).unable, [`subnet-1 stays behind ${barrier}: acl-1 is gone`])
  assert.equal(stage.serving(), barrier)
})

test('two incidents share the barrier of a subnet, and the last one takes it away, in either order', async () => {
  for (const order of [
    [0, 1],
    [1, 0],
  ] as const) {
    await using stage = await stageFor()
    const first = (await applied(stage)).after
    // The interface changes hands while its first holder is cut off.
    const own = stage.cloud.interfaces.get('eni-1') ?? assert.fail()
    const other = incidentOf(await stage.described(), { id: 'fb-2' })
    const second = (await applied(stage, other)).after
    assert.ok(own)
    const both = [first, second] as const
    assert.deepEqual((await stage.step.revert(work(both[order[0]]))).unable, [
      'subnet-1 stays cut off: another incident needs it',
    ])
    assert.notEqual(stage.serving(), 'acl-1')
    await stage.step.revert(work(both[order[1]]))
    assert.deepEqual(stage.network(), stage.before)
  }
})

test('a try whose answer got lost leaves one barrier at most, and its release leaves none', async () => {
  for (const lost of ['CreateNetworkAcl', 'ReplaceNetworkAclAssociation'])
    for (const again of [true, false]) {
      await using stage = await stageFor(alone, (operation, earlier) =>
        operation === lost && earlier < 5 ? 'lose-answer' : 'pass',
      )
      const incident = incidentOf(await stage.described())
      await assert.rejects(stage.step.apply(work(incident)))
      const died = afterStep(incident, stage.step, { done: [], unable: [], facts: {} })
      const record = died.steps['isolate-subnet'] ?? assert.fail()
      let after: Incident = { ...died, steps: { 'isolate-subnet': { ...record, status: 'failed' } } }
      if (again) after = (await applied(stage, after, 2)).after
      await stage.step.revert(work(after))
      assert.deepEqual(stage.network(), stage.before, `${lost}, ${again}`)
    }
})

test('nothing is asked where the option is off, and what it cut off before is given back all the same', async () => {
  await using stage = await stageFor()
  const incident = incidentOf(await stage.described())
  const asked = stage.road.seen.length
  const outcome = await stage.off.apply(work(incident))
  const after = afterStep(incident, stage.off, outcome)
  await stage.off.verify(work(after))
  await stage.off.revert(work(after))
  assert.equal(stage.road.seen.length, asked)
  assert.deepEqual(stage.off.permissions, [])
  const cut = (await applied(stage)).after
  await stage.off.revert(work(cut))
  assert.deepEqual(stage.network(), stage.before)
})

test('a stop waits for the subnet, and comes only where it is not cut off whole', async () => {
  await using stage = await stageFor()
  const settings = { stopWhenNeeded: true, dropAssigned: false, isolateSubnet: true }
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', '10.0.2.77')] })
  assert.equal(isStopNeeded(incident, settings), false)
  const { after } = await applied(stage, incident)
  assert.equal(isStopNeeded(after, settings), false)
  assert.equal(isStopNeeded(after, { ...settings, isolateSubnet: false }), true)
  const refused = afterStep(incident, stage.step, { done: [], unable: ['eni-9'], facts: { isolated: [] } })
  assert.equal(isStopNeeded(refused, settings), true)
})
