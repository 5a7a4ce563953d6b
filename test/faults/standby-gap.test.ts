import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import { drainQueue } from '../../functions/sandbox/lambda.ts'
import type { Invoked } from './respond.worker.ts'
import { brokenOut, lifecycleOf, playToFinding, scaleBreakout, startBreakout, verified } from './stage.ts'

/** Until SQS shows the dead function's message again, and respond's claim has lapsed. */
const VISIBLE_AGAIN_MS = 180_000

/**
 * Hands the order to a function that is ended once the cloud has carried out one of its calls, and to a new one three
 * minutes later. What the autoscaling group does of itself meanwhile, it does.
 */
async function endedAt(deployment: Deployment, wanted: string): Promise<void> {
  const { environment, clock, sandbox, lane } = deployment
  let isEnded = false
  await drainQueue(lane, async event => {
    const worker = new Worker(new URL('respond.worker.ts', import.meta.url))
    const stop = sandbox.onAnswer(async ({ service, action }) => {
      if (isEnded || `${service} ${action}` !== wanted) return
      isEnded = true
      await worker.terminate()
    })
    const invoked: Invoked = { environment, event, now: clock.now() }
    worker.postMessage(invoked)
    const answer = await Promise.race([once(worker, 'message').then(([told]) => told), once(worker, 'exit')])
    stop()
    await worker.terminate()
    if (!Array.isArray(answer)) return answer
    // Health checks are made every half minute.
    for (let passed = 0; passed < VISIBLE_AGAIN_MS; passed += 30_000) {
      clock.advance(30_000)
      await verified(deployment)
    }
    return { batchItemFailures: [{ itemIdentifier: 'ended' }] }
  })
  assert.ok(isEnded)
}

/** Disks of the instance that are left, as volumes or as snapshots, and those of before. */
function disksOf({ built: { cloud } }: Deployment, volumes: readonly string[]) {
  const taken = new Set([...cloud.snapshots.values()].map(({ volume }) => volume))
  return { lost: volumes.filter(id => !cloud.volumes.has(id) && !taken.has(id)), taken: taken.size }
}

test('a function that dies between the swap and the standby may lose the instance to its group, and none of its disks', async () => {
  const deployment = await startBreakout()
  try {
    scaleBreakout(deployment)
    const { cloud } = deployment.built
    const instance = brokenOut(deployment)
    const volumes = [...cloud.volumes.values()].filter(one => one.instance === instance).map(({ id }) => id)
    assert.equal(volumes.length, 3)
    await playToFinding(deployment)
    // Its requests were out: all but those that wait for a client to be loaded.
    await endedAt(deployment, 'ec2 CreateSnapshots')
    await verified(deployment)
    await deployment.respond()

    assert.equal(cloud.instances.get(instance)?.state, 'terminated', 'the window that docs/decisions.md tells of')
    assert.equal(lifecycleOf(deployment), undefined)
    const { lost, taken } = disksOf(deployment, volumes)
    assert.deepEqual(lost, [])
    assert.equal(taken, 3)
    const [ticket] = deployment.tracker.tickets()
    assert.match(ticket?.markdown ?? '', /The instance is not in autoscaling group agents any more/)
  } finally {
    await deployment.close()
  }
})

test('a function that dies once the standby is asked for keeps the instance, however late it comes again', async () => {
  const deployment = await startBreakout()
  try {
    scaleBreakout(deployment)
    await playToFinding(deployment)
    await endedAt(deployment, 'autoscaling EnterStandby')
    await verified(deployment)
    await deployment.respond()
    assert.equal(deployment.built.cloud.instances.get(brokenOut(deployment))?.state, 'running')
    assert.equal(lifecycleOf(deployment), 'Standby')
  } finally {
    await deployment.close()
  }
})
