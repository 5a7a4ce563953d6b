import type { Sink } from '../../core/flow.ts'
import { type FlowRows, ROW, START } from '../../core/flow-rows.ts'

/** What was read, counted as the summary has it. */
export interface Tally {
  records: number
  malformed: number
  bytes: number
  /** Handed on, and left out for its time; of one record there may be several of either. */
  kept: number
  outside: number
  /** The newest record's time so far in the file that is being read, seconds since the epoch. */
  time: number
  /** Of the first malformed ones, for the person who has to mend the command. */
  readonly reasons: string[]
}

export const newTally = (): Tally => ({
  records: 0,
  malformed: 0,
  bytes: 0,
  kept: 0,
  outside: 0,
  time: 0,
  reasons: [],
})

const MAX_REASONS = 3

/** Seconds since the epoch: from `since` to before `until`. */
export interface Range {
  readonly since: number
  readonly until: number
}

/** Counts and passes on what lies in the range. `each`: every flow and window is a record of its own, as in a flow log. */
export function counting(sink: Sink, tally: Tally, { since, until }: Range, each: boolean): Sink {
  const one = each ? 1 : 0
  function isIn(time: number): boolean {
    if (time > tally.time) tally.time = time
    if (time >= since && time < until) {
      tally.kept++
      return true
    }
    tally.outside++
    return false
  }
  /** Keeps the rows in the range, and tells how many there are. */
  function inRange(rows: FlowRows): number {
    const { words, count } = rows
    let kept = 0
    for (let at = 0; at < count * ROW; at += ROW) {
      if (!isIn(words[at + START] ?? 0)) continue
      if (at !== kept * ROW) words.copyWithin(kept * ROW, at, at + ROW)
      kept++
    }
    return kept
  }

  return {
    ...(each &&
      sink.rows && {
        rows(rows: FlowRows) {
          rows.count = inRange(rows)
          tally.records += rows.count
          sink.rows?.(rows)
        },
      }),
    flow(flow) {
      if (!isIn(flow.start)) return
      tally.records += one
      sink.flow(flow)
    },
    coverage(window) {
      if (!isIn(window.start)) return
      tally.records += one
      sink.coverage(window)
    },
    name(seen) {
      if (isIn(seen.time)) sink.name(seen)
    },
    alert(alert) {
      if (isIn(alert.time)) sink.alert(alert)
    },
    load(load) {
      if (isIn(load.time)) sink.load?.(load)
    },
    toolCall(call) {
      if (isIn(call.start)) sink.toolCall?.(call)
    },
    reject(rejected) {
      tally.malformed++
      if (tally.reasons.length < MAX_REASONS) tally.reasons.push(`${rejected.position}: ${rejected.reason}`)
    },
  }
}

/** Counts `read` as one record unless it was rejected or all of it lay outside of the range. */
export function asRecord(tally: Tally, read: () => void): void {
  const { malformed, kept, outside } = tally
  read()
  if (tally.malformed === malformed && (tally.kept > kept || tally.outside === outside)) tally.records++
}
