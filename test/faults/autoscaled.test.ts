import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import {
  assertContained,
  brokenOut,
  groupsOf,
  lifecycleOf,
  playToFinding,
  playToProof,
  registeredIn,
  scaleBreakout,
  startBreakout,
  verified,
} from './stage.ts'

const MINUTE = 60_000

async function played(use: (deployment: Deployment) => Promise<void>, without: readonly string[] = []): Promise<void> {
  const deployment = await startBreakout({ without })
  try {
    scaleBreakout(deployment)
    await use(deployment)
  } finally {
    await deployment.close()
  }
}

/** Time goes on, and verify looks every five minutes. */
async function wait(deployment: Deployment, minutes: number): Promise<void> {
  for (let passed = 0; passed < minutes; passed += 5) {
    deployment.clock.advance(5 * MINUTE)
    await verified(deployment)
    await deployment.respond()
  }
}

const stateOf = (deployment: Deployment) => deployment.built.cloud.instances.get(brokenOut(deployment))?.state

test('an instance of an autoscaling group is cut, outlives its health checks, and serves again once it is released', async () => {
  await played(async deployment => {
    const original = groupsOf(deployment)
    const served = registeredIn(deployment)
    assert.deepEqual(served, ['metrics', 'old', 'web'])
    await playToFinding(deployment)
    await deployment.respond()
    await playToProof(deployment)
    await assertContained(deployment, original, 'autoscaled')
    await wait(deployment, 30)
    assert.equal(stateOf(deployment), 'running')
    assert.equal(lifecycleOf(deployment), 'Standby')
    assert.deepEqual(registeredIn(deployment), [])

    await deployment.operate({ verb: 'release', instance: brokenOut(deployment), by: 'somebody' })
    await deployment.respond()
    await wait(deployment, 30)
    assert.deepEqual(groupsOf(deployment), original)
    assert.equal(stateOf(deployment), 'running')
    assert.equal(lifecycleOf(deployment), 'InService')
    assert.deepEqual(registeredIn(deployment), served)
  })
})

test('throttles, errors and lost answers of autoscaling and load balancing change nothing of the outcome', async () => {
  await played(async deployment => {
    const original = groupsOf(deployment)
    const { sandbox } = deployment
    sandbox.fault('autoscaling', 'DescribeAutoScalingInstances', 2, 'throttle')
    sandbox.fault('autoscaling', 'EnterStandby', 1, 'error-after-effect')
    sandbox.fault('elasticloadbalancing', 'DescribeTargetGroups', 1, 'drop')
    sandbox.fault('elasticloadbalancing', 'DeregisterTargets', 1, 'drop-after-effect')
    sandbox.fault('elasticloadbalancing', 'DeregisterInstancesFromLoadBalancer', 1, 'error-after-effect')
    await playToFinding(deployment)
    await deployment.respond()
    await playToProof(deployment)
    await assertContained(deployment, original, 'faults')
    assert.equal(lifecycleOf(deployment), 'Standby')
    assert.deepEqual(registeredIn(deployment), [])
  })
})

test('without the step autoscaler the group terminates the evidence', async () => {
  await played(
    async deployment => {
      await playToFinding(deployment)
      await deployment.respond()
      await playToProof(deployment)
      await wait(deployment, 30)
      assert.equal(stateOf(deployment), 'terminated')
      const { interfaces } = deployment.built.cloud
      assert.ok([...interfaces.values()].every(one => one.instance !== brokenOut(deployment)))
    },
    ['autoscaler'],
  )
})
