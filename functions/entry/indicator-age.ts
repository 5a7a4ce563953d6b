import { ageInDays } from '../core/operator-indicators.ts'
import type { Clock, Log, Metrics } from '../core/ports.ts'
import type { Config } from './config.ts'

/** Warns of a list of indicators that is older than it may be. Called at a function's start, which comes every few hours. */
export function warnOfAge(
  { indicators: { date, maxAgeDays } }: Pick<Config, 'indicators'>,
  { clock, log, metrics }: { readonly clock: Clock; readonly log: Log; readonly metrics: Metrics },
): void {
  if (date === undefined) return
  const days = ageInDays(date, clock.now())
  if (days <= maxAgeDays) return
  log.warn('list of indicators is old', { date, days, maxAgeDays })
  metrics.count('IndicatorsOld')
}
