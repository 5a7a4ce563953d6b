import { InputError, quoted } from '../functions/core/errors.ts'
import type { Mix } from './logs/fleet.ts'
import type { Format } from './logs/formats.ts'
import type { Measured } from './measure.ts'

/** What was measured of one log, the engine's figures first. A ratio is the engine's time divided by the other's. */
export interface RatiosRow {
  readonly kind: 'ratios'
  readonly source: string
  readonly format: string
  readonly mix: Mix
  readonly records: number
  /** On disk. */
  readonly bytes: number
  readonly findings: number
  readonly seconds: number
  readonly secondsPerMillion: number
  /** `null` where nothing measures it, here and below. */
  readonly megabytes: number | null
  readonly toGzip: number
  readonly toGunzip: number
  readonly toSplit: number
  /** Readline and JSON.parse. `null` for what is no JSON. */
  readonly toParse: number | null
  /** By processor time, where the engine's threads count as much as its main one. */
  readonly processorToGzip: number | null
  /** The file that the others read, where it is not the engine's own. */
  readonly against: string | null
}

export interface GrowthRow {
  readonly kind: 'growth'
  readonly source: string
  readonly format: string
  readonly mix: Mix
  readonly from: number
  readonly records: number
  /** The larger log's time a record divided by the smaller one's. */
  readonly growth: number
  readonly megabytesFrom: number | null
  readonly megabytes: number | null
}

export interface Sides {
  readonly replay: Measured
  readonly gzip: Measured
  readonly gunzip: Measured
  readonly split: Measured
  readonly parse?: Measured
}

export function ratiosRow(
  { source, name, json }: Format,
  log: { readonly mix: Mix; readonly records: number; readonly bytes: number; readonly against: string | null },
  { replay, gzip, gunzip, split, parse }: Sides,
): RatiosRow {
  const to = (other: Measured) => round(replay.seconds / other.seconds)
  const [own, others] = [replay.processor, gzip.processor]
  return {
    ...{ kind: 'ratios', source, format: name, mix: log.mix, records: log.records, bytes: log.bytes },
    findings: summaryOf(replay, log.records).findings,
    seconds: round(replay.seconds),
    secondsPerMillion: round((replay.seconds / log.records) * 1e6),
    megabytes: replay.megabytes ?? null,
    toGzip: to(gzip),
    toGunzip: to(gunzip),
    toSplit: to(split),
    toParse: json && parse ? to(parse) : null,
    // A log that gzip reads within its clock's tick has no ratio.
    processorToGzip: own !== undefined && others !== undefined && others > 0 ? round(own / others) : null,
    against: log.against,
  }
}

/** The summary, once it says that every record was read. A fast engine that leaves half of them out would be no finding. */
export function summaryOf({ told }: Measured, records: number): { readonly findings: number } {
  const summary: unknown = JSON.parse(told.trim().split('\n').at(-1) ?? '')
  const has = (name: string, value: number) =>
    Object.entries(summary ?? {}).some(([key, one]) => key === name && one === value)
  if (!has('records', records) || !has('malformed', 0))
    throw new InputError(`Cannot bench: replay was to read ${records} records and says ${quoted(summary)}`)
  const findings = typeof summary === 'object' && summary !== null && 'findings' in summary ? summary.findings : 0
  return { findings: Number(findings) }
}

export const round = (value: number): number => Math.round(value * 100) / 100
