import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protect } from '../../functions/clouds/aws/steps/protect.ts'
import { snapshot } from '../../functions/clouds/aws/steps/snapshot.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { afterStep, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

const CREATE = 'CreateSnapshots'

test('snapshot takes every volume once, tagged with the incident', async () => {
  await using stage = await setStage()
  const step = snapshot(stage.ec2)
  const incident = incidentOf(await stage.described())
  const { facts, unable } = await step.apply({ incident, attempt: 1, signal: signal() })
  const made = [...stage.cloud.snapshots.values()]
  assert.deepEqual(made.map(({ volume }) => volume).toSorted(), ['vol-1', 'vol-2', 'vol-3'])
  assert.ok(made.every(({ tags }) => tags['firebreak:incident'] === 'fb-1' && tags['firebreak:instance'] === 'i-1'))
  assert.deepEqual([facts['snapshots']].flat().toSorted(), made.map(({ id }) => id).toSorted())
  assert.deepEqual(unable, [])
})

test('snapshot looks an earlier set up before it asks again', async () => {
  await using stage = await setStage()
  const step = snapshot(stage.ec2)
  const incident = incidentOf(await stage.described())
  const first = await step.apply({ incident, attempt: 1, signal: signal() })
  const second = await step.apply({ incident, attempt: 2, signal: signal() })
  assert.deepEqual([second.facts['snapshots']].flat().toSorted(), [first.facts['snapshots']].flat().toSorted())
  assert.equal(stage.cloud.snapshots.size, 3)
})

test('snapshot makes one set when the answer gets lost', async () => {
  await using stage = await setStage((operation, earlier) =>
    operation === CREATE && earlier === 0 ? 'lose-answer' : 'pass',
  )
  const incident = incidentOf(await stage.described())
  const { facts } = await snapshot(stage.ec2).apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.snapshots.size, 3)
  assert.equal([facts['snapshots']].flat().length, 3)
})

test('snapshot asks again when the request never arrived', async () => {
  await using stage = await setStage((operation, earlier) => (operation === CREATE && earlier < 2 ? 'refuse' : 'pass'))
  const incident = incidentOf(await stage.described())
  await snapshot(stage.ec2).apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.snapshots.size, 3)
})

test('snapshot surfaces ConcurrentSnapshotLimitExceeded', async () => {
  await using stage = await setStage(undefined, cloud => {
    cloud.quotas.pendingSnapshotsPerVolume = 0
  })
  const incident = incidentOf(await stage.described())
  await assert.rejects(snapshot(stage.ec2).apply({ incident, attempt: 1, signal: signal() }), {
    name: 'ConcurrentSnapshotLimitExceeded',
  })
  assert.equal(stage.road.count(CREATE), 1)
})

test('snapshot verify() sees one that failed or is gone, and takes the set again', async () => {
  await using stage = await setStage()
  const step = snapshot(stage.ec2)
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const work = { incident: after, attempt: 2, signal: signal() }
  assert.deepEqual(await step.verify(work), { holds: true, notes: [] })
  const one = stage.cloud.snapshots.values().next().value
  assert.ok(one)
  one.state = 'error'
  assert.equal((await step.verify(work)).holds, false)
  await step.apply(work)
  assert.equal(stage.cloud.snapshots.size, 6)
  stage.cloud.snapshots.delete(one.id)
  assert.equal((await step.verify(work)).holds, false)
})

test('snapshot revert() keeps the evidence and says so', async () => {
  await using stage = await setStage()
  const step = snapshot(stage.ec2)
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const { done } = await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.match(done.join(), /^Kept as evidence: snap-/)
  assert.equal(stage.cloud.snapshots.size, 3)
})

test('protect sets all attributes at once and revert() puts back what was there', async () => {
  const kept = (cloud: Cloud) => {
    const volume = cloud.volumes.get('vol-2')
    if (volume) volume.deleteOnTermination = false
  }
  await using stage = await setStage(undefined, kept, { inRounds: true })
  const step = protect(stage.ec2, { stopWhenNeeded: false, dropAssigned: false })
  const incident = incidentOf(await stage.described())
  const before = stage.road.rounds
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.road.rounds, before + 1)
  const guarded = () => {
    const one = stage.cloud.instances.get('i-1')
    const disks = ['vol-1', 'vol-2', 'vol-3'].map(id => stage.cloud.volumes.get(id)?.deleteOnTermination)
    return [one?.terminationProtection, one?.stopProtection, one?.shutdown, ...disks]
  }
  assert.deepEqual(guarded(), [true, true, 'stop', false, false, false])
  const after = afterStep(incident, step, outcome)
  assert.deepEqual(await step.verify({ incident: after, attempt: 1, signal: signal() }), { holds: true, notes: [] })
  await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual(guarded(), [false, false, 'terminate', true, false, true])
})

test('protect names what a Spot instance cannot have and what may still end it', async () => {
  await using stage = await setStage()
  const step = protect(stage.ec2, { stopWhenNeeded: false, dropAssigned: false })
  const incident = incidentOf(await stage.described('i-2'))
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.match(
    outcome.unable.join('\n'),
    /termination protection cannot be set on this instance \(UnsupportedOperation\)/,
  )
  assert.match(outcome.unable.join('\n'), /A Spot instance can be taken back/)
  assert.equal(stage.cloud.volumes.get('vol-4')?.deleteOnTermination, false)
  const after = afterStep(incident, step, outcome)
  assert.equal((await step.verify({ incident: after, attempt: 1, signal: signal() })).holds, true)
})

test('protect verify() names each attribute that was taken away', async () => {
  await using stage = await setStage()
  const step = protect(stage.ec2, { stopWhenNeeded: false, dropAssigned: false })
  const incident = incidentOf(await stage.described())
  const { notes } = await step.verify({ incident, attempt: 1, signal: signal() })
  assert.equal(notes.length, 4)
})

test('protect leaves stop protection off where a stop is due', async () => {
  await using stage = await setStage()
  const step = protect(stage.ec2, { stopWhenNeeded: true, dropAssigned: false })
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', '10.0.1.40')] })
  await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.instances.get('i-1')?.stopProtection, false)
  assert.equal(stage.cloud.instances.get('i-1')?.terminationProtection, true)
})

test('protect revert() names what it never knew', async () => {
  await using stage = await setStage(operation => (operation === 'DescribeInstanceAttribute' ? 'refuse' : 'pass'))
  const step = protect(stage.ec2, { stopWhenNeeded: false, dropAssigned: false })
  const incident = incidentOf(await stage.described())
  const { unable } = await step.revert({ incident, attempt: 1, signal: signal() })
  assert.match(unable.join('\n'), /termination protection before is not known/)
})

test('protect puts back what it can when a disk was detached meanwhile, and names that disk', async () => {
  await using stage = await setStage()
  const step = protect(stage.ec2, { stopWhenNeeded: false, dropAssigned: false })
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const disk = stage.cloud.volumes.get('vol-2')
  assert.ok(disk)
  delete disk.instance
  delete disk.device
  assert.equal((await step.verify({ incident: after, attempt: 1, signal: signal() })).holds, true)
  const { unable } = await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual(unable, ['vol-2 is not attached any more, so it is left as it is'])
  assert.equal(stage.cloud.volumes.get('vol-1')?.deleteOnTermination, true)
})

test('protect verify() lets a disk be that was attached after the cut', async () => {
  await using stage = await setStage()
  const step = protect(stage.ec2, { stopWhenNeeded: false, dropAssigned: false })
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const late = { id: 'vol-9', size: 8, instance: 'i-1', device: '/dev/sdz', deleteOnTermination: true, tags: {} }
  stage.cloud.volumes.set(late.id, late)
  assert.deepEqual(await step.verify({ incident: after, attempt: 1, signal: signal() }), { holds: true, notes: [] })
})
