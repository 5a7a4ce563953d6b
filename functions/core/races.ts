import type { Ledger } from './ports.ts'

/** Lost races for one row after which a delivery is given back. */
export const MAX_RACES = 64

const LONGEST_MS = 250

/**
 * Waits after a lost race, counted from 0. The first was most often lost to an old copy. Later ones wait at random, and
 * longer: where twenty that are cut at once want the same row and try again in step, one of five loses thirty times.
 */
export async function afterLostRace({ pause }: Pick<Ledger, 'pause'>, race: number): Promise<void> {
  if (race > 0) await pause?.(Math.random() * Math.min(LONGEST_MS, 5 * 2 ** race))
}
