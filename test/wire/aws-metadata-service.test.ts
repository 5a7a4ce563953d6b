import assert from 'node:assert/strict'
import { test } from 'node:test'
import { metadataService } from '../../functions/clouds/aws/steps/metadata-service.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { afterStep, incidentOf, setStage, signal } from './ec2-stage.ts'

const optionsOf = (cloud: Cloud) => cloud.instances.get('i-1')?.metadata
const withOptions = (options: Partial<NonNullable<ReturnType<typeof optionsOf>>>) => (cloud: Cloud) => {
  Object.assign(optionsOf(cloud) ?? {}, options)
}

test('metadata-service closes the service and opens it again, its other options as they were', async () => {
  await using stage = await setStage(undefined, withOptions({ tokens: 'required', hopLimit: 2 }))
  const step = metadataService(stage.ec2)
  const original = structuredClone(optionsOf(stage.cloud))
  const incident = incidentOf(await stage.described())
  assert.deepEqual(incident.restorePoint?.metadataService, { endpoint: 'enabled', tokens: 'required', hopLimit: 2 })
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.deepEqual(optionsOf(stage.cloud), { ...original, endpoint: 'disabled' })
  assert.match(outcome.unable.join(), /Credentials that it gave out before stay valid/)
  const after = afterStep(incident, step, outcome)
  assert.deepEqual(await step.verify({ incident: after, attempt: 1, signal: signal() }), { holds: true, notes: [] })
  const reverted = await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual(reverted.unable, [])
  assert.deepEqual(optionsOf(stage.cloud), original)
})

test('metadata-service ends the same where an answer got lost and the step is applied again', async () => {
  const lost = (operation: string, earlier: number) =>
    operation === 'ModifyInstanceMetadataOptions' && earlier < 5 ? 'lose-answer' : 'pass'
  await using stage = await setStage(lost)
  const step = metadataService(stage.ec2)
  const incident = incidentOf(await stage.described())
  await assert.rejects(step.apply({ incident, attempt: 1, signal: signal() }))
  const outcome = await step.apply({ incident, attempt: 2, signal: signal() })
  assert.equal(optionsOf(stage.cloud)?.endpoint, 'disabled')
  await step.revert({ incident: afterStep(incident, step, outcome), attempt: 1, signal: signal() })
  assert.equal(optionsOf(stage.cloud)?.endpoint, 'enabled')
})

test('metadata-service leaves a service closed that was closed before, and closes it where somebody opened it since', async () => {
  await using stage = await setStage(undefined, withOptions({ endpoint: 'disabled' }))
  const step = metadataService(stage.ec2)
  const incident = incidentOf(await stage.described())
  const first = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.deepEqual(first, { done: [], unable: [], facts: {} })
  assert.equal(stage.road.count('ModifyInstanceMetadataOptions'), 0)
  withOptions({ endpoint: 'enabled' })(stage.cloud)
  const { holds, notes } = await step.verify({ incident, attempt: 1, signal: signal() })
  assert.deepEqual({ holds, notes }, { holds: false, notes: ['The metadata service is open'] })
  const again = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(optionsOf(stage.cloud)?.endpoint, 'disabled')
  await step.revert({ incident: afterStep(incident, step, again), attempt: 1, signal: signal() })
  assert.equal(optionsOf(stage.cloud)?.endpoint, 'disabled')
})

test('metadata-service leaves what somebody tightened meanwhile, and says so', async () => {
  await using stage = await setStage()
  const step = metadataService(stage.ec2)
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  withOptions({ tokens: 'required', hopLimit: 3 })(stage.cloud)
  const { unable } = await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual(unable, [
    'Tokens of the metadata service were optional and are required by somebody else, so they stay',
    'Its hop limit was 1 and is 3 by somebody else, so it stays',
  ])
  assert.equal(optionsOf(stage.cloud)?.tokens, 'required')
})

test('metadata-service has nothing to close or open on an instance that is gone', async () => {
  await using stage = await setStage()
  const step = metadataService(stage.ec2)
  const incident = incidentOf(await stage.described())
  const one = stage.cloud.instances.get('i-1')
  assert.ok(one)
  one.state = 'terminated'
  for (const known of [true, false]) {
    if (!known) stage.cloud.instances.delete('i-1')
    const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
    assert.match(outcome.unable.join(), /cannot be closed any more/)
    const after = afterStep(incident, step, outcome)
    assert.equal((await step.verify({ incident: after, attempt: 1, signal: signal() })).holds, true)
    const { unable } = await step.revert({ incident: after, attempt: 1, signal: signal() })
    assert.match(unable.join(), /cannot be opened again/)
  }
})

test('metadata-service changes nothing whose options before are not known', async () => {
  await using stage = await setStage()
  const step = metadataService(stage.ec2)
  const { metadataService: _unknown, ...description } = await stage.described()
  const incident = incidentOf(description)
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.match(outcome.unable.join(), /not known/)
  await step.revert({ incident: afterStep(incident, step, outcome), attempt: 1, signal: signal() })
  assert.equal(stage.road.count('ModifyInstanceMetadataOptions'), 0)
})

test('drifted() tells options that somebody set since, and an instance that is gone, not a service that was opened again', async () => {
  await using stage = await setStage()
  const step = metadataService(stage.ec2)
  const incident = incidentOf(await stage.described())
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const drifted = () => step.drifted?.({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual(await drifted(), [])
  withOptions({ endpoint: 'enabled' })(stage.cloud)
  assert.deepEqual(await drifted(), [])
  withOptions({ tokens: 'required' })(stage.cloud)
  assert.deepEqual(await drifted(), [
    {
      resource: 'the metadata service of i-1',
      left: 'disabled with tokens optional and hop limit 1',
      found: 'enabled with tokens required and hop limit 1',
    },
  ])
  Object.assign(stage.cloud.instances.get('i-1') ?? {}, { state: 'terminated' })
  assert.deepEqual(await drifted(), [
    { resource: 'i-1', left: 'with its metadata service closed', found: 'terminated' },
  ])
})
