import assert from 'node:assert/strict'
import { it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { createRespond } from '../../functions/entry/aws/respond.ts'
import { createWatch } from '../../functions/entry/aws/watch.ts'
import { drainQueue, invocationOf, invokeAgain } from '../../functions/sandbox/lambda.ts'
import { assertContained, groupsOf, playToFinding, playToProof, startBreakout } from './stage.ts'

const TIMES = 100
const AT_ONCE = 20
/** Real milliseconds after which a refused message is shown again here; SQS takes the visibility timeout for it. */
const SHOWN_AGAIN_MS = 250
const MAX_TRIES = 60

const Answer = z.object({ batchItemFailures: z.array(z.unknown()) })

/** As many instances of the function as Lambda would start: each handles one delivery at a time and shares nothing. */
async function deliver<F>(compose: () => F, invoke: (instance: F) => Promise<void>): Promise<void> {
  let left = TIMES
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const instance = compose()
      while (left > 0) {
        left -= 1
        await invoke(instance)
      }
    }),
  )
}

it('the same event and the same order, each delivered 100 times and 20 at once, cut, snapshot and tell once', async () => {
  const rehearsal = await startBreakout()
  const { number } = await playToFinding(rehearsal).finally(rehearsal.close)

  const deployment = await startBreakout()
  try {
    const { environmentOf, clock, lane, sandbox, tracker } = deployment
    const original = groupsOf(deployment)
    const { payload } = await playToFinding(deployment, number)
    await deliver(
      () => createWatch(environmentOf('watch'), { clock }),
      async watch => {
        await invokeAgain(() => watch(payload, invocationOf('firebreak-watch', 60_000)))
      },
    )
    assert.equal(await sandbox.queueLength(lane.queueUrl), 1, 'orders in the lane')

    let refusals = 0
    await drainQueue(lane, async event => {
      await deliver(
        () => createRespond(environmentOf('respond'), { clock }),
        async respond => {
          for (let tried = 1; ; tried++) {
            const answer = Answer.parse(await respond(event, invocationOf('firebreak-respond', 60_000)))
            if (answer.batchItemFailures.length === 0) return
            refusals += 1
            assert.ok(tried < MAX_TRIES, 'an order was refused again and again')
            await sleep(SHOWN_AGAIN_MS)
          }
        },
      )
      return { batchItemFailures: [] }
    })
    // Twenty began at once and one of them got the claim.
    assert.ok(refusals > 0)
    assert.equal(tracker.tickets()[0]?.deliveries, 1)
    await playToProof(deployment)
    await assertContained(deployment, original, 'delivered again and again')
  } finally {
    await deployment.close()
  }
})
