import { ConfigurationError } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { DecodeEvents, LineOptions, LineReader, RangedFile } from '../../core/source.ts'
import { sources } from '../../sources/registry.ts'
import type { Config } from '../config.ts'

/** A source with its settings compiled. */
export interface Decoder {
  readonly source: string
  readonly events: DecodeEvents
  lines(sink: Sink): LineReader
  /** `undefined` for a source that never comes as Parquet. */
  readonly parquet: ((file: RangedFile, sink: Sink, options: LineOptions) => Promise<void>) | undefined
}

interface Decoders {
  readonly groups: ReadonlyMap<string, Decoder>
  /** By ARN; `undefined` for a stream of subscriptions alone. */
  readonly streams: ReadonlyMap<string, Decoder | undefined>
  /** By bucket, then by source: a bucket may hold several sources' logs. */
  readonly buckets: ReadonlyMap<string, ReadonlyMap<string, Decoder>>
}

/** Compiles every configured format once. Throws `ConfigurationError` for one that cannot work. */
export function openDecoders({
  logGroups,
  streams,
  buckets,
}: Pick<Config, 'logGroups' | 'streams' | 'buckets'>): Decoders {
  return {
    groups: new Map(Object.entries(logGroups).map(([group, { source, fields }]) => [group, opened(source, fields)])),
    streams: new Map(
      Object.entries(streams).map(([arn, { source, fields }]) => [
        arn,
        source === undefined ? undefined : opened(source, fields),
      ]),
    ),
    buckets: new Map(
      Object.entries(buckets).map(([bucket, { source, fields }]) => {
        const held = source === undefined ? Object.keys(sources) : [source]
        return [bucket, new Map(held.map(id => [id, opened(id, fields)]))]
      }),
    ),
  }
}

function opened(id: string, fields: string | undefined): Decoder {
  const source = sources[id]
  if (!source) throw new ConfigurationError(`Cannot read logs: there is no source "${id}"`)
  const settings = { fields }
  return {
    source: id,
    events: source.open(settings),
    lines: sink => source.lines(settings, sink),
    parquet: source.parquet?.bind(source),
  }
}
