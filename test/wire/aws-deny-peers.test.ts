import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freeNumbers } from '../../functions/clouds/aws/steps/acl-plan.ts'
import { denyPeers } from '../../functions/clouds/aws/steps/deny-peers.ts'
import { PartialFailure } from '../../functions/core/errors.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { AclEntry, Cloud } from '../../functions/sandbox/cloud.ts'
import { afterStep, allow, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

const CREATE = 'CreateNetworkAclEntry'
const PEER = '203.0.113.9'

async function staged(denials: Incident['denials'], ...parameters: Parameters<typeof setStage>) {
  const stage = await setStage(...parameters)
  const incident = incidentOf(await stage.described(), { denials })
  return Object.assign(stage, { incident, step: denyPeers(stage.ec2) })
}

function denies(cloud: Cloud, acl: string, cidr: string): AclEntry[] {
  return (cloud.acls.get(acl)?.entries ?? []).filter(entry => !entry.allow && entry.cidr === cidr)
}

/** What the test puts into the ACL to be in the step's way. */
function plant(cloud: Cloud, acl: string, entry: Partial<AclEntry> & { number: number; egress: boolean }): void {
  cloud.acls.get(acl)?.entries.push({ allow: false, cidr: '192.0.2.200/32', protocol: '-1', ...entry })
}

function firstNumber(incident: Incident, acl: string, peer: string, egress: boolean): number {
  const entries = incident.restorePoint?.acls.find(({ id }) => id === acl)?.entries ?? []
  const [number = 0] = freeNumbers(entries, { acl, peer, egress }, new Set())
  return number
}

test('apply() denies a peer in both directions below the allow, in one round trip', async () => {
  await using stage = await staged([allow('acl-1', PEER), allow('acl-2', PEER)], undefined, undefined, {
    inRounds: true,
  })
  const before = stage.road.rounds
  const { done, unable, facts } = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.equal(stage.road.rounds, before + 1)
  for (const acl of ['acl-1', 'acl-2']) {
    const made = denies(stage.cloud, acl, `${PEER}/32`)
    assert.deepEqual(made.map(({ egress }) => egress).toSorted(), [false, true])
    assert.ok(made.every(({ number, protocol }) => number < 100 && protocol === '-1'))
  }
  assert.equal(denies(stage.cloud, 'acl-3', `${PEER}/32`).length, 0)
  assert.equal(done.length, 4)
  assert.deepEqual(unable, [])
  assert.match(String(facts['entries']), /acl-1\/egress\/\d+\/203\.0\.113\.9\/32/)
})

test('apply() denies an IPv6 peer as /128', async () => {
  await using stage = await staged([allow('acl-1', '2001:db8:9::9')])
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.equal(denies(stage.cloud, 'acl-1', '2001:db8:9::9/128').length, 2)
})

test('apply() changes nothing for a refused peer, and leaves one that is denied already', async () => {
  await using stage = await staged([refuse('acl-2', '203.0.113.77'), allow('acl-1', PEER)], undefined, cloud => {
    plant(cloud, 'acl-1', { number: 5, egress: true, cidr: '203.0.113.0/24' })
    plant(cloud, 'acl-1', { number: 5, egress: false, cidr: '203.0.113.0/24' })
  })
  const { facts } = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.equal(stage.road.count(CREATE), 0)
  assert.deepEqual(facts['entries'], [])
})

test('apply() claims the next number when the planned one was taken, within three round trips in all', async () => {
  await using stage = await staged([allow('acl-1', PEER)], undefined, undefined, { inRounds: true })
  const number = firstNumber(stage.incident, 'acl-1', PEER, true)
  plant(stage.cloud, 'acl-1', { number, egress: true })
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.deepEqual(
    denies(stage.cloud, 'acl-1', `${PEER}/32`)
      .map(({ egress }) => egress)
      .toSorted(),
    [false, true],
  )
  assert.equal(stage.road.rounds, 3)
})

test('apply() goes on to claim when the next numbers are taken too', async () => {
  await using stage = await staged([allow('acl-1', PEER)])
  const entries = stage.incident.restorePoint?.acls.find(({ id }) => id === 'acl-1')?.entries ?? []
  const numbers = freeNumbers(entries, { acl: 'acl-1', peer: PEER, egress: true }, new Set())
  for (const number of numbers.take(4)) plant(stage.cloud, 'acl-1', { number, egress: true })
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.equal(denies(stage.cloud, 'acl-1', `${PEER}/32`).length, 2)
})

test('apply() knows its own entry when the answer got lost, and gives all that it made to the release', async () => {
  await using stage = await staged([allow('acl-1', PEER)], (operation, earlier) =>
    operation === CREATE && earlier < 2 ? 'lose-answer' : 'pass',
  )
  const outcome = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const made = denies(stage.cloud, 'acl-1', `${PEER}/32`)
  const named = outcome.facts['entries']
  assert.ok(Array.isArray(named))
  assert.equal(named.length, made.length, 'every entry in the ACL is among the facts')
  const incident = afterStep(stage.incident, stage.step, outcome)
  await stage.step.revert({ incident, attempt: 1, signal: signal() })
  assert.deepEqual(denies(stage.cloud, 'acl-1', `${PEER}/32`), [])
})

test('apply() finds what an earlier try made that died before it could say so', async () => {
  await using stage = await staged([allow('acl-1', PEER)])
  const first = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const before = stage.road.count(CREATE)
  const second = await stage.step.apply({ incident: stage.incident, attempt: 2, signal: signal() })
  assert.equal(stage.road.count(CREATE), before)
  assert.deepEqual([second.facts['entries']].flat().toSorted(), [first.facts['entries']].flat().toSorted())
})

test('apply() names what it could not deny when the quota of rules is full, and denies the rest', async () => {
  await using stage = await staged([allow('acl-1', PEER), allow('acl-2', PEER)], undefined, cloud => {
    for (let number = 200; number < 250; number++)
      for (const egress of [true, false]) plant(cloud, 'acl-1', { number, egress })
  })
  const { unable, facts } = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.equal(denies(stage.cloud, 'acl-2', `${PEER}/32`).length, 2)
  assert.equal(unable.length, 2)
  assert.match(unable.join(), /203\.0\.113\.9 is not denied in acl-1, egress: the ACL's quota of rules is full/)
  assert.deepEqual(facts['undenied'], [`acl-1 ${PEER}`])
})

test('apply() names a peer for which no number is free below the allow', async () => {
  await using stage = await staged([allow('acl-1', PEER)], undefined, cloud => {
    const acl = cloud.acls.get('acl-1')
    if (acl) for (const entry of acl.entries) if (entry.cidr === '0.0.0.0/0') entry.number = 1
  })
  const { unable } = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  assert.match(unable.join(), /no number is free below the rule that allows it/)
})

test('apply() gives several peers of one incident different numbers', async () => {
  const peers = Array.from({ length: 9 }, (_, index) => `203.0.113.${index}`)
  await using stage = await staged(peers.map(peer => allow('acl-1', peer)))
  await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  for (const peer of peers) assert.equal(denies(stage.cloud, 'acl-1', `${peer}/32`).length, 2, peer)
  assert.equal(stage.road.count(CREATE), 18)
})

test('apply() tells what it made when another ACL fails, so that a release takes it away', async () => {
  await using stage = await staged([allow('acl-1', PEER), allow('acl-2', PEER)])
  stage.cloud.acls.delete('acl-2')
  await assert.rejects(
    stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() }),
    (thrown: unknown) => {
      assert.ok(thrown instanceof PartialFailure)
      assert.match(thrown.message, /^Cannot deny peers: .*203\.0\.113\.9 in acl-2: InvalidNetworkAclID\.NotFound/)
      assert.equal([thrown.outcome.facts['entries']].flat().length, 2)
      return true
    },
  )
  await assert.rejects(
    stage.step.apply({ incident: stage.incident, attempt: 2, signal: signal() }),
    /acl-2/,
    'an ACL that cannot be read is not taken for one that denies',
  )
})

test('covers() changes with what is allowed, and with nothing else', async () => {
  await using stage = await staged([])
  const of = (denials: Incident['denials']) => stage.step.covers?.({ ...stage.incident, denials }) ?? ''
  assert.equal(of([allow('acl-1', PEER), allow('acl-2', PEER)]), of([allow('acl-2', PEER), allow('acl-1', PEER)]))
  assert.equal(of([refuse('acl-1', PEER)]), of([]))
  assert.notEqual(of([allow('acl-1', PEER)]), of([]))
  const many = Array.from({ length: 1000 }, (_, index) => allow('acl-1', `2001:db8:9:9:9:9:9:${index}`))
  assert.ok(of(many).length <= 8192)
})

test('verify() sees an entry that was deleted and one that an allow overrides', async () => {
  await using stage = await staged([allow('acl-1', PEER)])
  const outcome = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const work = { incident: afterStep(stage.incident, stage.step, outcome), attempt: 1, signal: signal() }
  assert.deepEqual(await stage.step.verify(work), { holds: true, notes: [] })
  for (const egress of [true, false]) {
    const made = denies(stage.cloud, 'acl-1', `${PEER}/32`).find(entry => entry.egress === egress)
    plant(stage.cloud, 'acl-1', { number: (made?.number ?? 2) - 1, egress, allow: true, cidr: '203.0.113.0/24' })
  }
  assert.deepEqual(await stage.step.verify(work), {
    holds: false,
    notes: [`acl-1 egress ${PEER} is not denied`, `acl-1 ingress ${PEER} is not denied`],
  })
})

test('revert() deletes only the entries that it is given, and none that somebody put in their place', async () => {
  await using stage = await staged([allow('acl-1', PEER), allow('acl-2', PEER)])
  const outcome = await stage.step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const named = [outcome.facts['entries']].flat().map(String)
  const given = named.filter(text => text.startsWith('acl-1'))
  const replaced = denies(stage.cloud, 'acl-1', `${PEER}/32`).find(({ egress }) => egress)
  assert.ok(replaced)
  replaced.cidr = '192.0.2.1/32'
  const incident = afterStep(stage.incident, stage.step, { ...outcome, facts: { entries: given } })
  const { done, unable } = await stage.step.revert({ incident, attempt: 1, signal: signal() })
  assert.equal(done.length, 1)
  assert.equal(unable.length, 1)
  assert.equal(denies(stage.cloud, 'acl-1', `${PEER}/32`).length, 0)
  assert.equal(denies(stage.cloud, 'acl-1', '192.0.2.1/32').length, 1)
  assert.equal(denies(stage.cloud, 'acl-2', `${PEER}/32`).length, 2)
})

test('drifted() names a rule that somebody changed; revert() leaves it and one that is gone alone', async () => {
  await using stage = await staged([allow('acl-1', PEER), allow('acl-2', PEER)])
  const { step, cloud } = stage
  const outcome = await step.apply({ incident: stage.incident, attempt: 1, signal: signal() })
  const work = { incident: afterStep(stage.incident, step, outcome), attempt: 1, signal: signal() }
  assert.deepEqual(await step.drifted?.(work), [])
  const changed = denies(cloud, 'acl-1', `${PEER}/32`).find(({ egress }) => egress)
  Object.assign(changed ?? {}, { allow: true, protocol: '6', ports: { from: 443, to: 443 } })
  const acl2 = cloud.acls.get('acl-2')
  assert.ok(changed && acl2)
  acl2.entries = acl2.entries.filter(({ cidr }) => cidr !== `${PEER}/32`)
  assert.deepEqual(await step.drifted?.(work), [
    {
      resource: `egress rule ${changed.number} of acl-1`,
      left: `denying ${PEER}/32`,
      found: `allowing ${PEER}/32, protocol 6, ports 443 to 443`,
    },
  ])
  const { done, unable } = await step.revert(work)
  assert.equal(done.length, 1)
  assert.equal(unable.length, 3)
  assert.ok(cloud.acls.get('acl-1')?.entries.includes(changed))
})
