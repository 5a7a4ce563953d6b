import { setTimeout as sleep } from 'node:timers/promises'
import type { Queued, Shown } from '../../core/answers.ts'
import type { JournalLine } from '../../core/journal.ts'
import type { Deployment } from './deployment.ts'

const LOOK_MS = 500

/**
 * Looks at an incident until the lane has dealt with an order, as `ended` sees it. `lines`: what the journal says since it was asked
 * for. `undefined`: the time is over.
 */
export async function awaitLane<T>(
  { show }: Pick<Deployment, 'show'>,
  { id, after }: Queued,
  seconds: number,
  ended: (shown: Shown, lines: readonly JournalLine[]) => T | undefined,
): Promise<T | undefined> {
  const until = performance.now() + seconds * 1000
  for (;;) {
    const shown = await show(id, after)
    const { pending, journal } = shown.incident
    // What is not linked yet may be older than the order.
    const isSettled = pending.length === 0 && journal.sequence > after
    const lines = shown.journal.flatMap(entry => entry.lines)
    const result = isSettled ? ended(shown, lines) : undefined
    if (result !== undefined || performance.now() >= until) return result
    await sleep(LOOK_MS)
  }
}
