import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lockSnapshots } from '../../functions/clouds/aws/steps/lock-snapshots.ts'
import { shareSnapshots } from '../../functions/clouds/aws/steps/share-snapshots.ts'
import { snapshot } from '../../functions/clouds/aws/steps/snapshot.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { afterStep, incidentOf, setStage, signal } from './ec2-stage.ts'

const FORENSIC = '444455556666'

/** A stage on which the snapshots are made, and the incident that names them. */
async function staged(...parameters: Parameters<typeof setStage>) {
  const stage = await setStage(...parameters)
  const step = snapshot(stage.ec2)
  const opened = incidentOf(await stage.described())
  const incident = afterStep(opened, step, await step.apply({ incident: opened, attempt: 1, signal: signal() }))
  return { stage, incident, made: () => [...stage.cloud.snapshots.values()] }
}

const work = (incident: Incident, attempt = 1) => ({ incident, attempt, signal: signal() })

test('lock-snapshots locks each snapshot once, for the configured days, in governance mode', async () => {
  const { stage, incident, made } = await staged()
  await using _ = stage
  const step = lockSnapshots(stage.ec2, { lockDays: 90 })
  const after = afterStep(incident, step, await step.apply(work(incident)))
  assert.deepEqual(
    made().map(({ lock }) => lock?.days),
    [90, 90, 90],
  )
  const asked = stage.road.count('LockSnapshot')
  const again = await step.apply(work(after, 2))
  assert.deepEqual(again.done, [])
  assert.equal(stage.road.count('LockSnapshot'), asked)
  assert.deepEqual(await step.verify(work(after)), { holds: true, notes: [] })
})

test("a drill's snapshots are locked for a day, and none where the days are 0", async () => {
  const { stage, incident, made } = await staged()
  await using _ = stage
  await lockSnapshots(stage.ec2, { lockDays: 0 }).apply(work(incident))
  assert.ok(made().every(({ lock }) => lock === undefined))
  await lockSnapshots(stage.ec2, { lockDays: 90 }).apply(work({ ...incident, drill: true }))
  assert.ok(made().every(({ lock }) => lock?.days === 1))
})

test('lock-snapshots locks what an earlier try left, and says what it had done when one fails', async () => {
  const { stage, incident, made } = await staged()
  await using _ = stage
  stage.server.refuse('LockSnapshot', 1)
  const step = lockSnapshots(stage.ec2, { lockDays: 30 })
  await assert.rejects(step.apply(work(incident)), (thrown: unknown) => {
    assert.ok(thrown instanceof Error && 'outcome' in thrown)
    assert.match(thrown.message, /Cannot lock snap-\w+: UnauthorizedOperation/)
    return true
  })
  assert.equal(made().filter(({ lock }) => lock).length, 2)
  const { done } = await step.apply(work(incident, 2))
  assert.equal(done.length, 1)
  assert.ok(made().every(({ lock }) => lock))
})

test('lock-snapshots verify() sees a lock that was lifted, one that ran out and a snapshot that is gone', async () => {
  const { stage, incident, made } = await staged()
  await using _ = stage
  const step = lockSnapshots(stage.ec2, { lockDays: 30 })
  const after = afterStep(incident, step, await step.apply(work(incident)))
  const [one, other] = made()
  assert.ok(one?.lock && other)
  one.lock.at -= 31 * 86_400_000
  delete other.lock
  const { holds, notes } = await step.verify(work(after))
  assert.equal(holds, false)
  assert.deepEqual(notes.toSorted(), [one, other].map(({ id }) => `${id} is not locked any more`).toSorted())
  await step.apply(work(after, 2))
  assert.equal((await step.verify(work(after))).holds, true)
  stage.cloud.snapshots.delete(one.id)
  assert.equal((await step.verify(work(after))).holds, false)
})

test('a set that is taken again is locked and shared again', async () => {
  const { stage, incident } = await staged()
  await using _ = stage
  for (const step of [lockSnapshots(stage.ec2, { lockDays: 30 }), shareSnapshots(stage.ec2, { shareWith: FORENSIC })]) {
    const record = incident.steps['snapshot']
    assert.ok(record)
    const other = { ...incident, steps: { snapshot: { ...record, facts: { snapshots: ['snap-9'] } } } }
    assert.notEqual(step.covers?.(incident), step.covers?.(other))
  }
})

test('share-snapshots lets the forensic account alone make volumes, and once', async () => {
  const { stage, incident, made } = await staged()
  await using _ = stage
  const step = shareSnapshots(stage.ec2, { shareWith: FORENSIC })
  const { done, unable, facts } = await step.apply(work(incident))
  assert.equal(done.length, 3)
  assert.deepEqual(unable, [])
  const after = afterStep(incident, step, { done, unable, facts })
  await step.apply(work(after, 2))
  for (const { sharedWith } of made()) assert.deepEqual(sharedWith, [FORENSIC])
  assert.deepEqual(await step.verify(work(after)), { holds: true, notes: [] })
  const [one] = made()
  assert.ok(one)
  one.sharedWith = []
  assert.deepEqual((await step.verify(work(after))).notes, [
    `${one.id} is not shared with account ${FORENSIC} any more`,
  ])
})

test('share-snapshots says why it cannot share what the default key encrypts, and what a key of its own still needs', async () => {
  const key = 'arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'
  const { stage, incident, made } = await staged(undefined, cloud => {
    const [first, second] = cloud.volumes.values()
    assert.ok(first && second)
    first.key = 'default'
    second.key = key
  })
  await using _ = stage
  const step = shareSnapshots(stage.ec2, { shareWith: FORENSIC })
  const { done, unable, facts } = await step.apply(work(incident))
  assert.equal(done.length, 2)
  const sealed = made().find(one => one.key === 'default')
  const own = made().find(one => one.key === key)
  assert.ok(sealed && own)
  assert.match(unable.find(text => text.startsWith(sealed.id)) ?? '', /cannot be shared .* default key \(aws\/ebs\)/)
  assert.match(unable.find(text => text.startsWith(own.id)) ?? '', new RegExp(`only where the policy of key ${key}`))
  assert.equal(sealed.sharedWith, undefined)
  // What could never be shared is not missed later.
  assert.equal((await step.verify(work(afterStep(incident, step, { done, unable, facts })))).holds, true)
})

test('a release leaves locks and shares as they are and says so', async () => {
  const { stage, incident, made } = await staged()
  await using _ = stage
  for (const step of [lockSnapshots(stage.ec2, { lockDays: 30 }), shareSnapshots(stage.ec2, { shareWith: FORENSIC })]) {
    const after = afterStep(incident, step, await step.apply(work(incident)))
    const { done } = await step.revert(work(after))
    assert.match(done.join(), /^Kept (locked|shared) as evidence: snap-/)
  }
  assert.ok(made().every(({ lock, sharedWith }) => lock && sharedWith?.includes(FORENSIC)))
})
