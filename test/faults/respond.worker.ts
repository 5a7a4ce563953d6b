import { enableCompileCache } from 'node:module'
import { parentPort } from 'node:worker_threads'

// Each call to be killed at takes a thread of its own: compiled code is kept, or loading would be most of the test.
enableCompileCache()
const { createRespond } = await import('../../functions/entry/aws/respond.ts')
const { invocationOf } = await import('../../functions/sandbox/lambda.ts')

/** The respond function in a thread of its own, so that it can be ended at any moment as Lambda ends an instance. */
export interface Invoked {
  readonly environment: Readonly<Record<string, string>>
  readonly event: unknown
  /** Milliseconds since the epoch; time stands still while the function works. */
  readonly now: number
}

parentPort?.on('message', async ({ environment, event, now }: Invoked) => {
  // Composed anew for each message: what an instance keeps between invocations must not be needed.
  const respond = createRespond(environment, { clock: { now: () => now } })
  parentPort?.postMessage(await respond(event, invocationOf('firebreak-respond', 60_000)))
})
