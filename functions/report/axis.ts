import type { Exhibit } from '../core/finding.ts'

/** The weakest conversations past this many are counted and not drawn. */
export const MAX_ROWS = 12

/** Longer than any one strip, short enough that a minute can be seen. */
const MAX_MINUTES = 120
/** A cut that came later than this after the last activity is not squeezed into the picture. */
const MAX_GAP = 30

export interface Axis {
  /** Minutes since the epoch. */
  readonly start: number
  readonly minutes: number
  /** Minutes since the epoch, with a fraction; absent where it lies outside. */
  readonly cut: number | undefined
}

export function isActive(character: string): boolean {
  return character === '1'
}

/** The minutes that all conversations share, ending with the latest and, where it is near, the cut. `cutAt` in milliseconds. */
export function axisOf(exhibits: readonly Exhibit[], cutAt: number | undefined): Axis {
  const latest = exhibits.reduce(
    (most, { minute, activity }) => Math.max(most, minute + activity.length),
    Number.MIN_SAFE_INTEGER,
  )
  const earliest = exhibits.reduce((least, { minute }) => Math.min(least, minute), Number.MAX_SAFE_INTEGER)
  const cut = cutAt === undefined ? undefined : cutAt / 60_000
  const near = cut !== undefined && cut <= latest + MAX_GAP
  const end = near ? Math.max(latest, Math.ceil(cut) + 1) : latest
  const start = Math.max(earliest, end - MAX_MINUTES)
  return { start, minutes: Math.max(1, end - start), cut: near && cut >= start ? cut : undefined }
}
