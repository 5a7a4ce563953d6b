import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, it, type TestContext } from 'node:test'
import { Worker } from 'node:worker_threads'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import { drainQueue } from '../../functions/sandbox/lambda.ts'
import type { Invoked } from './respond.worker.ts'
import {
  assertContained,
  breakout,
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

/** After that long SQS shows an unanswered message again (the queue's VisibilityTimeout); the dead one's claim has lapsed. */
const VISIBLE_AGAIN_MS = 180_000

const startWorker = () => new Worker(new URL('respond.worker.ts', import.meta.url))
let worker = startWorker()
after(() => worker.terminate())

/** What the function answers, or `undefined` where it was ended. */
async function invoke(event: unknown, { environmentOf, clock }: Deployment): Promise<unknown> {
  const done = new AbortController()
  const { signal } = done
  const invoked: Invoked = { environment: environmentOf('respond'), event, now: clock.now() }
  worker.postMessage(invoked)
  try {
    const ended = once(worker, 'exit', { signal }).then(() => undefined)
    return await Promise.race([once(worker, 'message', { signal }).then(([answer]) => answer), ended])
  } finally {
    done.abort()
  }
}

/**
 * Plays the breakout, ends the function's thread when its n-th call was carried out and not answered yet, and delivers the
 * message again to a new one. Returns the call at which it was ended, or `undefined` where it made fewer.
 */
async function playKilledAt(
  fits: (call: string, number: number) => boolean,
  prepare?: (deployment: Deployment) => void,
  after?: (deployment: Deployment, run: string) => Promise<void>,
) {
  const deployment = await startBreakout()
  try {
    const original = groupsOf(deployment)
    await playToFinding(deployment)
    prepare?.(deployment)
    let calls = 0
    let killedAt: string | undefined
    async function onCall(call: string): Promise<void> {
      calls += 1
      if (killedAt !== undefined || !fits(call, calls)) return
      killedAt = call
      await worker.terminate()
    }
    const { sandbox, tracker, lane, clock } = deployment
    await drainQueue(lane, async event => {
      // Only while the function works: what the poller calls between two messages is none of its calls.
      const watching =
        killedAt === undefined
          ? [
              sandbox.onAnswer(({ service, action }) => onCall(`${service} ${action}`)),
              tracker.onAnswer(() => onCall('ticket')),
            ]
          : []
      const answer = await invoke(event, deployment)
      for (const stop of watching) stop()
      if (answer !== undefined) return answer
      worker = startWorker()
      clock.advance(VISIBLE_AGAIN_MS)
      return { batchItemFailures: [{ itemIdentifier: 'killed' }] }
    })
    await playToProof(deployment)
    const run = `killed at call ${calls}, ${killedAt ?? 'none'}`
    await assertContained(deployment, original, run)
    await after?.(deployment, run)
    return killedAt
  } finally {
    await deployment.close()
  }
}

/** Each call as the matrix has it, but with threads that are really ended: `npm run faults` ends them at every one, in thought. */
const CHANGES = [
  'dynamodb PutItem',
  'ec2 ModifyNetworkInterfaceAttribute',
  'ec2 CreateSnapshots',
  'lambda Invoke',
  'ticket',
]

it('respond that is ended after a call that changes something ends in the same proven cut', async t => {
  const points: string[] = []
  for (const change of CHANGES) {
    const killedAt = await playKilledAt(call => call === change)
    assert.equal(killedAt, change)
    points.push(killedAt)
  }
  report(t, points)
})

it('respond that is ended after a call that gives a group or a load balancer less still knows what to give back', async t => {
  const points = [
    'autoscaling EnterStandby',
    'elasticloadbalancing DeregisterTargets',
    'elasticloadbalancing DeregisterInstancesFromLoadBalancer',
  ]
  for (const point of points) assert.equal(await playKilledAt(call => call === point, patient, givenBack), point)
  report(t, points)
})

/** A group whose checks take longer than it takes until the order is delivered again. */
function patient(deployment: Deployment): void {
  scaleBreakout(deployment, { unhealthyAfter: 2 * VISIBLE_AGAIN_MS })
}

async function givenBack(deployment: Deployment, run: string): Promise<void> {
  assert.equal(lifecycleOf(deployment), 'Standby', run)
  assert.deepEqual(registeredIn(deployment), [], run)
  await deployment.operate({ verb: 'release', instance: brokenOut(deployment), by: 'somebody' })
  await deployment.respond()
  deployment.clock.advance(60_000)
  await verified(deployment)
  assert.equal(lifecycleOf(deployment), 'InService', run)
  assert.deepEqual(registeredIn(deployment), ['metrics', 'old', 'web'], run)
}

it('respond that is ended while it puts its own continuation into the lane leaves nothing undone', async () => {
  const killedAt = await playKilledAt(
    call => call === 'sqs SendMessage',
    // More than the SDK tries: the step fails and its continuation is sent.
    ({ sandbox }) => sandbox.fault('ec2', 'CreateNetworkAclEntry', 24, 'throttle'),
  )
  assert.equal(killedAt, 'sqs SendMessage')
})

function report(t: TestContext, points: readonly string[]): void {
  const counted = [...Map.groupBy(points, call => call)].map(([call, of]) => `${of.length} at ${call}`)
  t.diagnostic(`${points.length} kill points of ${breakout.name}: ${counted.join(', ')}`)
}
