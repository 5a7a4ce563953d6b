import { enableCompileCache } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort } from 'node:worker_threads'
import type { EventSource } from '../../functions/sandbox/lambda.ts'

enableCompileCache()
const { createRespond } = await import('../../functions/entry/aws/respond.ts')
const { drainQueue, invocationOf } = await import('../../functions/sandbox/lambda.ts')

/** Consumers of a fleet's lanes in a thread of their own, so that the servers have the other processor to themselves. */
export interface Consuming {
  readonly environment: Readonly<Record<string, string>>
  readonly lane: EventSource
  /** Milliseconds since the epoch; time stands still while they work. */
  readonly now: number
  readonly consumers: number
}

/** Milliseconds. Twenty instances of Lambda have a processor each; here all of them share one. */
const PATIENCE = 600_000

let isOver = false

async function consume({ environment, lane, now }: Consuming): Promise<void> {
  // A function's instance as Lambda starts it: a composition of its own, which shares nothing with another.
  const respond = createRespond(environment, {
    clock: { now: () => now },
    steps: steps => steps.filter(({ id }) => id !== 'collect'),
  })
  while (!isOver) {
    await drainQueue(lane, event => respond(event, invocationOf('firebreak-respond', PATIENCE)))
    // What is left is in somebody's hands.
    await sleep(50)
  }
}

parentPort?.on('message', async (message: Consuming | 'over') => {
  if (message === 'over') {
    isOver = true
    return
  }
  await Promise.all(Array.from({ length: message.consumers }, () => consume(message)))
  parentPort?.close()
})
