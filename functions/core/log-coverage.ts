import * as z from 'zod'
import { hashText } from './hash.ts'
import type { Key } from './ports.ts'
import type { RowCache } from './row-cache.ts'

/** Since when each interface behind an ACL is covered by its flow log without a break. Milliseconds since the epoch. */
const CoverageRow = z.object({
  /** By interface: from when, until when. */
  spans: z.record(z.string().max(128), z.tuple([z.number(), z.number()])),
})
type CoverageRow = z.infer<typeof CoverageRow>

/** Deliveries come some minutes apart: a gap is a gap only when it is longer than this. */
const GAP = 15 * 60_000
/** How far behind a row may stay before it is written again: writes cost, and a few minutes decide nothing. */
const REFRESH = 5 * 60_000
/** Flow logs arrive 5 to 10 minutes late, and the row may be `REFRESH` behind them. */
const LAG = 30 * 60_000
/** An interface that was not covered for so long is gone. */
const FORGET = 48 * 3_600_000
/** Some 2,000 interfaces fit in a row. */
const SHARDS = 4

export interface Covered {
  readonly acl: string
  readonly interface: string
  /** Milliseconds since the epoch. */
  readonly start: number
  readonly end: number
  /** Records were lost: what was covered before does not count any more. */
  readonly skipped: boolean
}

function keyOf(acl: string, shard: number): Key {
  return { partition: `acl/${acl}`, sort: `coverage/${shard}` }
}

export function coverageKeys(acl: string): Key[] {
  return Array.from({ length: SHARDS }, (_, shard) => keyOf(acl, shard))
}

function shardOf(networkInterface: string): number {
  return hashText(networkInterface, 113) % SHARDS
}

/** A row that cannot be read covers nothing. */
export function readCoverage(value: unknown): CoverageRow {
  return CoverageRow.safeParse(value).data ?? { spans: {} }
}

export function isCovered(
  rows: readonly CoverageRow[],
  networkInterface: string,
  now: number,
  period: number,
): boolean {
  const span = rows[shardOf(networkInterface)]?.spans[networkInterface]
  return span !== undefined && span[0] <= now - period && span[1] >= now - LAG
}

/** The beginning of a span never moves back: late news of earlier coverage only makes the answer `unknown` longer. */
function extended(span: readonly [number, number] | undefined, { start, end, skipped }: Covered): [number, number] {
  if (skipped) return span && span[1] > end ? [Math.max(span[0], end), span[1]] : [end, end]
  if (!span || start > span[1] + GAP) return [start, end]
  return [span[0], Math.max(span[1], end)]
}

export async function recordCoverage(rows: RowCache, covered: readonly Covered[]): Promise<void> {
  const shards = Map.groupBy(covered, one => JSON.stringify([one.acl, shardOf(one.interface)]))
  await Promise.all(
    [...shards.values()].map(async group => {
      const [any] = group
      if (!any) return
      const ordered = group.toSorted((a, b) => a.start - b.start)
      await rows.change(keyOf(any.acl, shardOf(any.interface)), value => {
        const { spans } = readCoverage(value)
        const next = new Map(Object.entries(spans))
        for (const one of ordered) next.set(one.interface, extended(next.get(one.interface), one))
        const worth = [...next].some(([id, [from, until]]) => {
          const before = spans[id]
          return !before || before[0] !== from || until - before[1] >= REFRESH
        })
        if (!worth) return { result: undefined }
        const newest = Math.max(...next.values().map(([, until]) => until))
        const kept = [...next].filter(([, [, until]]) => until > newest - FORGET)
        return { value: { spans: Object.fromEntries(kept) }, expires: newest + FORGET, result: undefined }
      })
    }),
  )
}
