import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protect } from '../../functions/clouds/aws/steps/protect.ts'
import { PartialFailure } from '../../functions/core/errors.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { afterStep, incidentOf, setStage, signal } from './ec2-stage.ts'

const settings = { stopWhenNeeded: false, dropAssigned: false }

/** As a cut leaves it that did not wait for the attributes. */
async function unknown(stage: Awaited<ReturnType<typeof setStage>>): Promise<Incident> {
  const incident = incidentOf({ ...(await stage.described()), protection: {} })
  return { ...incident, cut: { ...incident.cut, at: 1 } }
}

test('what protected the instance before is written down before it is changed, and given back', async () => {
  await using stage = await setStage()
  const instance = stage.cloud.instances.get('i-1')
  assert.ok(instance)
  Object.assign(instance, { terminationProtection: false, stopProtection: true, shutdown: 'terminate' })
  const step = protect(stage.ec2, settings)
  const incident = await unknown(stage)

  const failure = await step.apply({ incident, attempt: 1, signal: signal() }).then(
    () => assert.fail('it changed what nobody had written down'),
    (thrown: unknown) => thrown,
  )
  assert.ok(failure instanceof PartialFailure)
  assert.match(failure.message, /did not wait to learn termination protection, stop protection, the behaviour at shut/)
  assert.deepEqual(failure.outcome.done, ['Set that the disks outlive the instance'])
  assert.deepEqual([instance.terminationProtection, instance.shutdown], [false, 'terminate'])

  const read = afterStep(incident, step, { ...failure.outcome, unable: [] })
  const outcome = await step.apply({ incident: read, attempt: 2, signal: signal() })
  assert.deepEqual([instance.terminationProtection, instance.stopProtection, instance.shutdown], [true, true, 'stop'])

  const { unable } = await step.revert({ incident: afterStep(read, step, outcome), attempt: 1, signal: signal() })
  assert.deepEqual(unable, [])
  assert.deepEqual(
    [instance.terminationProtection, instance.stopProtection, instance.shutdown],
    [false, true, 'terminate'],
  )
})

test('what may not be read is protected all the same, and a release says that it leaves it', async () => {
  await using stage = await setStage(operation => (operation === 'DescribeInstanceAttribute' ? 'deny' : 'pass'))
  const step = protect(stage.ec2, settings)
  const incident = await unknown(stage)
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.instances.get('i-1')?.terminationProtection, true)
  const { unable } = await step.revert({ incident: afterStep(incident, step, outcome), attempt: 1, signal: signal() })
  assert.match(unable.join(), /termination protection before is not known, so it is left as it is/)
})
