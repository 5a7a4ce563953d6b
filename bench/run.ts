import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { awsBill, lambdaPrice, ledgerLoad } from './cost.ts'
import { type Measured, measure, REPLAY, runs } from './measure.ts'
import { type Mix, writeFlowLog } from './traffic.ts'

/**
 * What the README's figures come from: ratios that are measured side by side in one run, on files made from a seed.
 * `--size` records (300,000 by default), `--runs` (the fastest counts), `--growth` also ten times the size, `--json`.
 */
const { values } = parseArgs({
  options: {
    size: { type: 'string', default: '300000' },
    runs: { type: 'string', default: '2' },
    seed: { type: 'string', default: '7' },
    growth: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  },
})
const size = Number(values.size)
const times = Number(values.runs)
if (!Number.isInteger(size) || size < 1000 || !Number.isInteger(times) || times < 1)
  throw new RangeError(`Cannot bench: --size is ${values.size} and --runs is ${values.runs}`)

const INSTANCES = 200
const directory = await mkdtemp(join(tmpdir(), 'firebreak-bench-'))
const report: Record<string, unknown>[] = []

function say(row: Record<string, unknown>, text: string): void {
  report.push(row)
  process.stdout.write(values.json ? `${JSON.stringify(row)}\n` : `${text}\n`)
}

try {
  for (const mix of ['local', 'scattered'] satisfies Mix[]) {
    const file = join(directory, `${mix}.log.gz`)
    await writeFlowLog(file, { mix, records: size, instances: INSTANCES, seed: Number(values.seed) })
    const side = await runs(file, times)
    say({ kind: 'ratios', source: 'aws-vpc-flow', mix, records: size, ...ratiosOf(side) }, ratioText(mix, size, side))
    if (!values.growth) continue
    const larger = join(directory, `${mix}-10.log.gz`)
    await writeFlowLog(larger, { mix, records: 10 * size, instances: INSTANCES, seed: Number(values.seed) })
    const grown = await measure(REPLAY(larger))
    const growth = grown.seconds / (10 * side.replay.seconds)
    say(
      { kind: 'growth', mix, records: 10 * size, growth: round(growth), megabytes: grown.megabytes },
      `  from ${size} to ${10 * size} records: ${round(growth)} times the cost a record, ${grown.megabytes} MB at most`,
    )
  }
  const load = await ledgerLoad(INSTANCES, Number(values.seed))
  say(
    { kind: 'ledger', ...load },
    `ledger: ${load.writesPerMillion} writes (${load.unitsPerMillion} write units) a million records, deliveries a minute each`,
  )
  const bill = awsBill()
  say(
    { kind: 'dynamodb', ...bill },
    `DynamoDB: ${bill.dollarsAMonth} USD a month for ${bill.instances} instances with ${bill.conversations} active conversations each, ` +
      `${bill.unitsAWrite} units a write, one write each ${bill.minutesApart} minutes`,
  )
  const price = lambdaPrice(load.secondsPerMillion)
  say(
    { kind: 'lambda', ...price },
    `Lambda: ${price.dollarsABillion} USD for a billion records at ${round(load.secondsPerMillion)} s a million, ${price.megabytes} MB (${price.source})`,
  )
} finally {
  await rm(directory, { recursive: true })
}

function ratiosOf({ replay, gzip, gunzip, split }: Record<'replay' | 'gzip' | 'gunzip' | 'split', Measured>) {
  return {
    seconds: round(replay.seconds),
    megabytes: replay.megabytes,
    toGzip: round(replay.seconds / gzip.seconds),
    toGunzip: round(replay.seconds / gunzip.seconds),
    toSplit: round(replay.seconds / split.seconds),
    processorToGzip: round(replay.processor / gzip.processor),
  }
}

function ratioText(mix: Mix, records: number, side: Parameters<typeof ratiosOf>[0]): string {
  const { seconds, megabytes, toGzip, toGunzip, toSplit, processorToGzip } = ratiosOf(side)
  return (
    `aws-vpc-flow, ${mix}, ${records} records: ${seconds} s, ${megabytes} MB at most\n` +
    `  whole engine: ${toGzip} × gzip -dc, ${toGunzip} × Node's gunzip, ${toSplit} × readline and split (wall); ${processorToGzip} × gzip -dc (processor)`
  )
}

function round(value: number): number {
  return Math.round(value * 100) / 100
}
