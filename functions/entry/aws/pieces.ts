import { collecting, type Delivery } from '../../core/delivery.ts'
import type { Sink } from '../../core/flow.ts'

/** What was judged. */
export interface Tally {
  readonly flows: number
  readonly rejected: number
  readonly findings: number
}

export const NOTHING: Tally = { flows: 0, rejected: 0, findings: 0 }

export function sumOf(one: Tally, other: Tally): Tally {
  return {
    flows: one.flows + other.flows,
    rejected: one.rejected + other.rejected,
    findings: one.findings + other.findings,
  }
}

/** Records that are judged together: some 20 MB of them, and few writes of an instance's row. */
const MAX_RECORDS = 50_000
/** Rejected records of one input that are kept one by one, however many pieces it has. */
const MAX_REJECTED = 100

/**
 * Collects what a source decodes and has it judged a piece at a time, so that an input of any length takes bounded memory.
 * A piece that was judged stays so when a later one fails: each instance's row knows its records again.
 */
export function inPieces(
  source: string,
  position: string,
  judge: (delivery: Delivery) => Promise<Tally>,
  most = MAX_RECORDS,
) {
  let piece = collecting(source, position)
  let size = 0
  let rejected = 0
  let more = 0
  let total = NOTHING

  function counted<T>(put: (sink: Sink, one: T) => void) {
    return (one: T): void => {
      size++
      put(piece.sink, one)
    }
  }

  async function flush(moreRejected: number): Promise<void> {
    if (size === 0 && moreRejected === 0) return
    const delivery = piece.delivery()
    piece = collecting(source, position)
    size = 0
    total = sumOf(total, await judge({ ...delivery, moreRejected: delivery.moreRejected + moreRejected }))
  }

  const sink = {
    flow: counted<Parameters<Sink['flow']>[0]>((to, one) => to.flow(one)),
    coverage: counted<Parameters<Sink['coverage']>[0]>((to, one) => to.coverage(one)),
    name: counted<Parameters<Sink['name']>[0]>((to, one) => to.name(one)),
    alert: counted<Parameters<Sink['alert']>[0]>((to, one) => to.alert(one)),
    load: counted<Parameters<NonNullable<Sink['load']>>[0]>((to, one) => to.load?.(one)),
    toolCall: counted<Parameters<NonNullable<Sink['toolCall']>>[0]>((to, one) => to.toolCall?.(one)),
    reject(one) {
      if (rejected >= MAX_REJECTED) {
        more++
        return
      }
      rejected++
      size++
      piece.sink.reject(one)
    },
  } satisfies Sink

  return {
    sink,
    /** To be awaited between the parts of an input: judges what has come once it is enough. */
    async relieve(): Promise<void> {
      if (size >= most) await flush(0)
    },
    /** Judges what is left. */
    async end(): Promise<Tally> {
      const left = more
      more = 0
      await flush(left)
      return total
    },
  }
}
