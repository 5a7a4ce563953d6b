import { rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { awsBill, lambdaRow, ledgerRow } from './cost.ts'
import { onDisk } from './disk.ts'
import { ledgerLoad } from './ledger-load.ts'
import type { Mix } from './logs/fleet.ts'
import { type Format, flowText, formats } from './logs/formats.ts'
import { gzipOf, type Measured, replayOf, rivalOf, sideBySide } from './measure.ts'
import { type GrowthRow, type RatiosRow, ratiosRow, round, summaryOf } from './rows.ts'

export interface BenchOptions {
  /** Sources to measure; all without it. */
  readonly source?: readonly string[]
  readonly mix?: Mix
  /** Records of each log; without it each format has its own default. */
  readonly size?: number
  readonly runs: number
  readonly seed: number
  /** How large the fleet is. */
  readonly instances: number
  /** Measures a log of so many records, and one of ten times as many. */
  readonly growth?: number
}

export type Row =
  | RatiosRow
  | GrowthRow
  | ({ readonly kind: 'ledger' } & ReturnType<typeof ledgerRow>)
  | ({ readonly kind: 'dynamodb' } & ReturnType<typeof awsBill>)
  | ({ readonly kind: 'lambda' } & ReturnType<typeof lambdaRow>)

const MIXES: readonly Mix[] = ['local', 'scattered']
/** Measures what was asked for, row by row. Logs are made in `directory`; `say` hears what is going on. */
export async function* bench(
  options: BenchOptions,
  directory: string,
  say: (text: string) => void,
): AsyncGenerator<Row, void> {
  const { source, seed, runs, instances } = options
  const chosen = formats.filter(format => source === undefined || source.includes(format.source))
  const mixes = options.mix === undefined ? MIXES : [options.mix]

  async function made(format: Format, mix: Mix, records: number): Promise<string> {
    const path = join(
      directory,
      `${format.source}-${format.name.replaceAll(' ', '-')}-${mix}-${records}.${format.extension}`,
    )
    say(`writing ${records} records: ${format.source}, ${format.name}, ${mix}`)
    await onDisk(() => format.write(path, { mix, instances, seed }, records))
    return path
  }

  async function ratios(format: Format, mix: Mix): Promise<RatiosRow> {
    const records = options.size ?? format.records
    const path = await made(format, mix, records)
    const isGzip = path.endsWith('.gz')
    // What gzip cannot read is held against the same rows as text.
    const other = isGzip ? path : await made(flowText, mix, records)
    const commands = {
      replay: replayOf(path),
      gzip: gzipOf(other),
      gunzip: rivalOf('gunzip', other),
      split: rivalOf('split', other),
    }
    const began = (name: string, run: number) =>
      say(`${format.source}, ${format.name}, ${mix}, ${records} records: ${name}, run ${run} of ${runs}`)
    const sides = format.json
      ? await sideBySide({ ...commands, parse: rivalOf('parse', other) }, runs, began)
      : await sideBySide(commands, runs, began)
    const { size: bytes } = await stat(path)
    await Promise.all([...new Set([path, other])].map(one => rm(one)))
    return ratiosRow(
      format,
      { mix, records, bytes, against: isGzip ? null : `${flowText.name} of the same rows` },
      sides,
    )
  }

  async function replayed(format: Format, mix: Mix, records: number): Promise<Measured> {
    const path = await made(format, mix, records)
    const { replay } = await sideBySide({ replay: replayOf(path) }, runs, (_, run) =>
      say(`replaying ${records} records: ${format.source}, ${format.name}, ${mix}, run ${run} of ${runs}`),
    )
    await rm(path)
    summaryOf(replay, records)
    return replay
  }

  async function growth(format: Format, mix: Mix, from: number): Promise<GrowthRow> {
    const records = 10 * from
    const small = await replayed(format, mix, from)
    const large = await replayed(format, mix, records)
    return {
      ...{ kind: 'growth', source: format.source, format: format.name, mix, from, records },
      growth: round(large.seconds / (10 * small.seconds)),
      megabytesFrom: small.megabytes ?? null,
      megabytes: large.megabytes ?? null,
    }
  }

  for (const format of chosen) for (const mix of mixes) yield await ratios(format, mix)
  if (options.growth !== undefined)
    // Every source's growth takes hours; the others' is measured where they are asked for.
    for (const format of source === undefined ? [flowText] : chosen)
      for (const mix of mixes) yield await growth(format, mix, options.growth)
  if (!chosen.includes(flowText)) return
  for (const route of ['s3', 'subscription'] as const) {
    say(`watching ${instances} instances, as ${route} delivers their flow log`)
    const load = await ledgerLoad(route, instances, seed)
    yield { kind: 'ledger', ...ledgerRow(load) }
    yield { kind: 'lambda', ...lambdaRow(load) }
    if (route === 'subscription') yield { kind: 'dynamodb', ...awsBill(load) }
  }
}
