import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { toolCalls } from './agent-trace.ts'
import { firewallRecords } from './firewall.ts'
import { type Sighting, type Traffic, trafficOf } from './fleet.ts'
import { writeParquet } from './flow-parquet.ts'
import { V2, V5, v2, v5 } from './flow-text.ts'
import { queries } from './resolver.ts'

/** A log of a source as it lies on disk. */
export interface Format {
  readonly source: string
  readonly name: string
  /** Records where nobody says how many. */
  readonly records: number
  /** Each record is a JSON document. */
  readonly json: boolean
  readonly extension: string
  write(path: string, traffic: Traffic, records: number): Promise<void>
}

const FLOWS = 300_000
/** Reading JSON costs ten times as much a record, and two hundred thousand of them say as much. */
const DOCUMENTS = 100_000

export const flowText = text('aws-vpc-flow', 'text v2', v2, V2)

export const formats: readonly Format[] = [
  flowText,
  text('aws-vpc-flow', 'text v5', v5, V5),
  {
    source: 'aws-vpc-flow',
    name: 'Parquet v2',
    records: FLOWS,
    json: false,
    extension: 'parquet',
    async write(path, traffic, records) {
      writeParquet(path, sightings(traffic).take(records))
    },
  },
  json('aws-network-firewall', 'EVE JSON', firewallRecords),
  json('aws-resolver', 'JSON', queries),
  json('agent-trace', 'JSON', toolCalls),
]

function text(source: string, name: string, line: (seen: Sighting) => string, header: string): Format {
  return {
    ...{ source, name, records: FLOWS, json: false, extension: 'log.gz' },
    write: (path, traffic, records) => writeLines(path, sightings(traffic).take(records).map(line), header),
  }
}

function json(source: string, name: string, lines: (seen: Sighting) => Iterable<string>): Format {
  return {
    ...{ source, name, records: DOCUMENTS, json: true, extension: 'json.gz' },
    write: (path, traffic, records) => writeLines(path, sightings(traffic).flatMap(lines).take(records)),
  }
}

function* sightings(traffic: Traffic): Generator<Sighting, void> {
  for (const minute of trafficOf(traffic)) yield* minute
}

const PIECE = 64 * 1024

/** Gzip, a header first where there is one, as AWS delivers to S3. */
async function writeLines(path: string, lines: Iterable<string>, header?: string): Promise<void> {
  function* pieces() {
    let piece = header === undefined ? '' : `${header}\n`
    for (const line of lines) {
      piece += `${line}\n`
      if (piece.length < PIECE) continue
      yield piece
      piece = ''
    }
    yield piece
  }
  await pipeline(Readable.from(pieces(), { objectMode: true }), createGzip({ level: 6 }), createWriteStream(path))
}
