import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Incident } from '../../functions/core/incident.ts'
import { profileArn } from '../../functions/sandbox/ec2/instance-profiles.ts'
import { afterStep, incidentOf, signal } from './ec2-stage.ts'
import { type RevokeStage, setRevokeStage } from './revoke-stage.ts'

const DENY = 'firebreak-fb-1'

function incidentOn({ cloud }: RevokeStage): Incident {
  return incidentOf({
    instance: 'i-agent',
    account: cloud.account,
    region: cloud.region,
    vpc: 'vpc-1',
    state: 'running',
    launchedAt: 0,
    profile: profileArn(cloud, 'worker'),
    spot: false,
    tags: {},
    interfaces: [],
    volumes: [],
    acls: [],
    protection: {},
  })
}

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })

async function applied(stage: RevokeStage, incident = incidentOn(stage), attempt = 1) {
  const outcome = await stage.step.apply(work(incident, attempt))
  return { outcome, after: afterStep(incident, stage.step, outcome) }
}

test("the instance's credentials work until they are revoked, its neighbour's of the same role all the time", async () => {
  await using stage = await setRevokeStage()
  const [own, neighbour] = [stage.give('agent'), stage.give('neighbour')]
  assert.deepEqual([await stage.works(own), await stage.works(neighbour)], [true, true])
  const { outcome, after } = await applied(stage)
  assert.deepEqual([await stage.works(own), await stage.works(neighbour)], [false, true])
  assert.deepEqual(outcome.done, ["Denied everything to the instance's credentials of role agents/worker"])
  assert.ok(outcome.unable.some(text => text.includes('sts:AssumeRole')))
  assert.ok(outcome.unable.some(text => text.includes('EKS')))
  assert.deepEqual(await stage.step.verify(work(after)), { holds: true, notes: [] })
  await stage.step.revert(work(after))
  assert.deepEqual([await stage.works(own), stage.policies()], [true, ['work']])
})

test('an incident has one policy, however often it is asked for', async () => {
  await using stage = await setRevokeStage()
  const { after } = await applied(stage)
  await applied(stage, after, 2)
  assert.deepEqual(stage.policies(), ['work', DENY])
  await applied(stage, { ...incidentOn(stage), id: 'fb-2' })
  assert.deepEqual(stage.policies(), ['work', DENY, 'firebreak-fb-2'])
  await stage.step.revert(work(after))
  assert.deepEqual(stage.policies(), ['work', 'firebreak-fb-2'])
})

test('verify() sees a deny that somebody took away or weakened, and it is put back', async () => {
  await using stage = await setRevokeStage()
  const { after } = await applied(stage)
  for (const spoil of [
    () => stage.cloud.roles?.get('worker')?.policies.delete(DENY),
    () =>
      stage.cloud.roles?.get('worker')?.policies.set(DENY, stage.cloud.roles.get('worker')?.policies.get('work') ?? ''),
  ]) {
    spoil()
    const { holds, notes } = await stage.step.verify(work(after))
    assert.deepEqual([holds, notes], [false, ["Role agents/worker does not deny the instance's credentials"]])
    await applied(stage, after, 2)
    assert.equal((await stage.step.verify(work(after))).holds, true)
  }
})

test('a role that is not configured is never written to, and the ticket names it', async () => {
  await using stage = await setRevokeStage({ roles: ['agents/somebody-else', 'worker'] })
  const { outcome, after } = await applied(stage)
  assert.deepEqual(outcome.done, [])
  assert.match(outcome.unable.join(), /Role agents\/worker is not configured \(credentials\.roles\)/)
  assert.deepEqual(stage.policies(), ['work'])
  assert.ok(!stage.actions().includes('iam:PutRolePolicy'))
  assert.equal((await stage.step.verify(work(after))).holds, true)
})

test('without a configured role nobody is asked, and the ticket says that the credentials work', async () => {
  await using stage = await setRevokeStage({ roles: [] })
  const { outcome, after } = await applied(stage)
  assert.match(outcome.unable.join(), /instance-profile\/agents\/worker still work: no role is configured/)
  await stage.step.verify(work(after))
  await stage.step.revert(work(after))
  assert.deepEqual(stage.actions(), [])
  assert.deepEqual(stage.step.permissions, [])
})

test('a role that has no room for another policy is left alone and named', async () => {
  await using stage = await setRevokeStage({}, cloud => {
    const bulk = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: Array.from({ length: 1130 }, (_, n) => `s3:${n}`), Resource: '*' }],
    }
    cloud.roles?.get('worker')?.policies.set('bulk', JSON.stringify(bulk))
  })
  const { outcome } = await applied(stage)
  assert.deepEqual(outcome.done, [])
  assert.match(outcome.unable.join(), /Role agents\/worker has no room for another inline policy \(10,240 characters\)/)
})

test('an instance profile that was swapped since is denied too', async () => {
  await using stage = await setRevokeStage({ roles: ['agents/worker', 'agents/other'] })
  const { after } = await applied(stage)
  Object.assign(stage.cloud.instances.get('i-agent') ?? {}, { role: 'other' })
  const swapped = stage.give('agent')
  assert.equal(await stage.works(swapped), true)
  assert.equal((await stage.step.verify(work(after))).holds, false)
  const again = await applied(stage, after, 2)
  assert.equal(await stage.works(swapped), false)
  assert.deepEqual(
    [stage.policies('worker'), stage.policies('other')],
    [
      ['work', DENY],
      ['work', DENY],
    ],
  )
  await stage.step.revert(work(again.after))
  assert.deepEqual([stage.policies('worker'), stage.policies('other')], [['work'], ['work']])
})

test('the instance profile is taken away where that is configured, and given back', async () => {
  await using stage = await setRevokeStage({ removeProfile: true })
  const { after } = await applied(stage)
  assert.equal(stage.cloud.instances.get('i-agent')?.role, undefined)
  assert.equal(stage.give('agent'), undefined)
  // A try whose answer got lost is made again: what was taken stays known by the restore point.
  const again = await applied(stage, after, 2)
  assert.equal((await stage.step.verify(work(again.after))).holds, true)
  const { done } = await stage.step.revert(work(again.after))
  assert.ok(done.some(text => text.startsWith('Gave the instance profile')))
  assert.equal(stage.cloud.instances.get('i-agent')?.role, 'worker')
  assert.equal(await stage.works(stage.give('agent')), true)
})

test('a profile that somebody else put there meanwhile is left as it is', async () => {
  await using stage = await setRevokeStage({ removeProfile: true })
  const { after } = await applied(stage)
  Object.assign(stage.cloud.instances.get('i-agent') ?? {}, { role: 'other' })
  const { unable } = await stage.step.revert(work(after))
  assert.match(unable.join(), /another instance profile by now .*other/)
  assert.equal(stage.cloud.instances.get('i-agent')?.role, 'other')
})

test('a revocation that nobody knows the end of is taken back all the same', async () => {
  await using stage = await setRevokeStage()
  const { after } = await applied(stage)
  const record = after.steps['revoke-credentials']
  assert.ok(record)
  const failed = { ...after, steps: { 'revoke-credentials': { ...record, status: 'failed' as const, facts: {} } } }
  await stage.step.revert(work(failed))
  assert.deepEqual(stage.policies(), ['work'])
})

test('a throttle and a lost answer are got over, and a refusal is told in its own words', async () => {
  await using stage = await setRevokeStage()
  stage.sandbox.fault('iam', 'PutRolePolicy', 1, 'throttle')
  stage.sandbox.fault('iam', 'GetInstanceProfile', 1, 'drop')
  stage.sandbox.fault('lambda', 'Invoke', 1, 'drop-after-effect')
  await applied(stage)
  assert.deepEqual(stage.policies(), ['work', DENY])
  stage.sandbox.serve('firebreak-revoke', async () => {
    throw new Error('out of order')
  })
  await assert.rejects(applied(stage), /firebreak-revoke failed: Error: out of order/)
})

test('revoke takes no request that names a policy, and no instance that is none', async () => {
  await using stage = await setRevokeStage()
  const bad = { verb: 'revoke', incident: 'fb-1', instance: 'i-1", "Effect": "Allow' } as const
  await assert.rejects(stage.ask(bad, signal()), /InputError: Cannot read request/)
  const more = { verb: 'revoke', incident: 'fb-1', instance: 'i-1', policy: '{}' } as const
  await assert.rejects(stage.ask(more, signal()), /InputError: .*policy/s)
})

test('the step and the function ask for what they declare, no more and no less', async () => {
  const { revokePermissions } = await import('../../functions/clouds/aws/revoker.ts')
  const settings = { roles: ['agents/worker'], removeProfile: true }
  await using stage = await setRevokeStage(settings)
  const { after } = await applied(stage)
  await stage.step.verify(work(after))
  await stage.step.revert(work(after))
  const declared = [...stage.step.permissions, ...revokePermissions(settings)].flatMap(({ actions }) => actions)
  const asked = new Set(stage.actions().map(action => action.replace('lambda:Invoke', 'lambda:InvokeFunction')))
  // EC2 checks that the role may be passed; no request shows it.
  assert.deepEqual([...asked].toSorted(), declared.filter(action => action !== 'iam:PassRole').toSorted())
})

test('a policy that somebody edited and a profile that somebody put in have drifted, not what was taken back by hand', async () => {
  await using stage = await setRevokeStage({ removeProfile: true })
  const { after } = await applied(stage)
  const drifted = async () => (await stage.step.drifted?.(work(after))) ?? assert.fail()
  const { policies } = stage.cloud.roles?.get('worker') ?? assert.fail()
  assert.deepEqual(await drifted(), [])
  policies.set(DENY, policies.get('work') ?? '')
  Object.assign(stage.cloud.instances.get('i-agent') ?? {}, { role: 'other' })
  assert.deepEqual(await drifted(), [
    {
      resource: `policy ${DENY} of role agents/worker`,
      left: 'denying everything to i-agent',
      found: 'another by now',
    },
    {
      resource: 'i-agent',
      left: 'without an instance profile',
      found: `with ${profileArn(stage.cloud, 'other')}`,
    },
  ])
  const { unable } = await stage.step.revert(work(after))
  assert.match(unable.join(), /has another instance profile by now .*, so it is left as it is/)
  assert.deepEqual(stage.policies(), ['work'])
  Object.assign(stage.cloud.instances.get('i-agent') ?? {}, { role: 'worker' })
  assert.deepEqual(await drifted(), [], 'taken back')
})
