import type { Row } from './bench.ts'
import type { RatiosRow } from './rows.ts'

/** The columns of the ratios, each as wide as it stands here. */
const columns: readonly (readonly [heading: string, width: number, cell: (row: RatiosRow) => string])[] = [
  ['log', 32, row => `${row.source} ${row.format}`],
  ['mix', 10, row => row.mix],
  ['records', 9, row => counted(row.records)],
  ['on disk', 9, row => `${(row.bytes / 1e6).toFixed(1)} MB`],
  ['seconds', 8, row => row.seconds.toFixed(2)],
  ['memory', 8, row => megabytes(row.megabytes)],
  ['× gzip', 7, row => row.toGzip.toFixed(2)],
  ['× gunzip', 9, row => row.toGunzip.toFixed(2)],
  ['× split', 8, row => row.toSplit.toFixed(2)],
  ['× parse', 8, row => row.toParse?.toFixed(2) ?? ''],
  ['CPU × gzip', 11, row => row.processorToGzip?.toFixed(2) ?? ''],
]
/** These are read from the left, the rest are numbers. */
const WORDS = 2

export const HEADING = `The whole engine, and its time as a multiple of gzip -dc's, of Node's gunzip alone, of readline and split, and of readline and
JSON.parse. Process start included, the fastest of the runs.

${line(columns.map(([heading]) => heading))}`

/** A row for people, with a line end. */
export function shown(row: Row): string {
  switch (row.kind) {
    case 'ratios':
      return `${line(columns.map(([, , cell]) => cell(row)))}${row.against === null ? '' : `  (others: ${row.against})`}\n`
    case 'growth':
      return (
        `growth: ${row.source} ${row.format}, ${row.mix}, from ${counted(row.from)} to ${counted(row.records)} records: ` +
        `${row.growth.toFixed(2)} times the cost a record, from ${megabytes(row.megabytesFrom)} to ${megabytes(row.megabytes)}\n`
      )
    case 'ledger':
      return (
        `ledger, ${row.route}, ${counted(row.recordsADelivery)} records a delivery: ${counted(row.writesPerMillion)} writes and ` +
        `${counted(row.unitsPerMillion)} write units a million records, ${dollars(row.dollarsABillion)} a billion (${row.prices})\n`
      )
    case 'lambda':
      return (
        `Lambda, ${row.route}: ${dollars(row.dollarsABillion)} a billion records at ${row.secondsPerMillion} s a million and ` +
        `${row.megabytes} MB: ${row.computing} computing, ${row.waiting} waiting, ${row.requests} requests (${row.prices})\n`
      )
    case 'dynamodb':
      return (
        `DynamoDB: ${dollars(row.dollarsAMonth)} a month for ${counted(row.instances)} instances with ${row.conversations} active conversations ` +
        `each: ${row.unitsAWrite} + ${row.sharedUnitsAWrite} units every ${row.minutesApart} minutes (${row.prices})\n`
      )
  }
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, at) => (at < WORDS ? cell.padEnd(columns[at]?.[1] ?? 0) : cell.padStart(columns[at]?.[1] ?? 0)))
    .join('')
}

const counted = (count: number) => count.toLocaleString('en')
const dollars = (amount: number) => `${counted(amount)} USD`
const megabytes = (amount: number | null) => (amount === null ? '? MB' : `${amount} MB`)
