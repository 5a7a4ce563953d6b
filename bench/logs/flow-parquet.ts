import { gzipSync } from 'node:zlib'
import { fileWriter, parquetWriteRows } from 'hyparquet-writer'
import { ACCOUNT, interfaceOf, type Sighting } from './fleet.ts'
import { endsOf } from './flow-text.ts'

/** Columns and types as AWS writes them (Amazon VPC User Guide, "Flow log records", column "Parquet data type"). */
const columns = (
  [
    ['version', 'INT32'],
    ['account_id', 'STRING'],
    ['interface_id', 'STRING'],
    ['srcaddr', 'STRING'],
    ['dstaddr', 'STRING'],
    ['srcport', 'INT32'],
    ['dstport', 'INT32'],
    ['protocol', 'INT32'],
    ['packets', 'INT64'],
    ['bytes', 'INT64'],
    ['start', 'INT64'],
    ['end', 'INT64'],
    ['action', 'STRING'],
    ['log_status', 'STRING'],
  ] as const
).map(([name, type]) => ({ name, type, nullable: true }))

/** Rows that are held at one time. */
const GROUP = 100_000

export function writeParquet(path: string, seen: Iterable<Sighting>): void {
  // Rows of a file without promises are written at once.
  void parquetWriteRows({
    writer: fileWriter(path),
    rows: rowsOf(seen),
    columns,
    rowGroupSize: GROUP,
    codec: 'GZIP',
    compressors: { GZIP: bytes => gzipSync(bytes) },
  })
}

function* rowsOf(sightings: Iterable<Sighting>) {
  for (const seen of sightings) {
    const { source, destination, sourcePort, destinationPort } = endsOf(seen)
    yield {
      version: 2,
      account_id: ACCOUNT,
      interface_id: interfaceOf(seen.instance),
      srcaddr: source,
      dstaddr: destination,
      srcport: sourcePort,
      dstport: destinationPort,
      protocol: seen.protocol,
      packets: BigInt(seen.packets),
      bytes: BigInt(seen.bytes),
      start: BigInt(seen.start),
      end: BigInt(seen.end),
      action: 'ACCEPT',
      log_status: 'OK',
    }
  }
}
