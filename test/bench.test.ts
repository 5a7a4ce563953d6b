import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as z from 'zod'
import { awsBill, lambdaRow, ledgerRow } from '../bench/cost.ts'
import { ledgerLoad } from '../bench/ledger-load.ts'
import type { Mix } from '../bench/logs/fleet.ts'
import { type Format, formats } from '../bench/logs/formats.ts'
import type { Measured } from '../bench/measure.ts'
import { summaryOf } from '../bench/rows.ts'
import { shown } from '../bench/table.ts'
import { replay } from '../functions/cli/replay/index.ts'
import { InputError } from '../functions/core/errors.ts'

/** The bench, small: that it measures what it says. How fast anything is no test can hold on a shared machine. */

const script = fileURLToPath(new URL('../bench/run.ts', import.meta.url))
const directory = await mkdtemp(join(tmpdir(), 'firebreak-bench-test-'))
after(() => rm(directory, { recursive: true }))

const child = promisify(execFile)

/** With all that the bench writes below the test's own directory. */
async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await child(process.execPath, [script, ...args], {
      env: { ...process.env, TMPDIR: directory },
    })
    return { code: 0, out: stdout, err: stderr }
  } catch (thrown) {
    const { code, stdout, stderr } = Failed.parse(thrown)
    return { code, out: stdout, err: stderr }
  }
}

const Failed = z.object({ code: z.number(), stdout: z.string(), stderr: z.string() })

async function written(format: Format, mix: Mix, records: number, seed: number): Promise<string> {
  const path = join(await mkdtemp(join(directory, 'log-')), `log.${format.extension}`)
  await format.write(path, { mix, instances: 5, seed }, records)
  return path
}

async function replayed(path: string): Promise<Measured> {
  let told = ''
  const out = (text: string) => {
    told += text
  }
  await replay([path], { json: true }, { out, err() {}, live: false })
  return { seconds: 0, processor: 0, megabytes: 0, told }
}

for (const format of formats)
  for (const mix of ['local', 'scattered'] satisfies Mix[])
    test(`${format.source}, ${format.name}, ${mix}: replay reads every record that was asked for, and a seed makes one log`, async () => {
      const path = await written(format, mix, 1500, 7)
      const replayedOnce = await replayed(path)
      assert.doesNotThrow(() => summaryOf(replayedOnce, 1500), replayedOnce.told)
      const bytes = await readFile(path)
      assert.ok(bytes.equals(await readFile(await written(format, mix, 1500, 7))))
      assert.ok(!bytes.equals(await readFile(await written(format, mix, 1500, 8))))
    })

test('a log of which replay leaves something out is not measured', async () => {
  const [format] = formats
  assert.ok(format)
  const measured = await replayed(await written(format, 'local', 1000, 7))
  assert.throws(() => summaryOf(measured, 1001), InputError)
})

test('the ledger and Lambda are priced by what the watch asked for, each way the log arrives', async () => {
  for (const route of ['s3', 'subscription'] as const) {
    const load = await ledgerLoad(route, 3, 7)
    assert.equal(load.deliveries, route === 's3' ? 4 : 12)
    assert.ok(load.records > 500 && load.writes >= load.deliveries && load.units >= load.writes, JSON.stringify(load))
    const twice = { ...load, seconds: 2 * load.seconds }
    assert.ok(lambdaRow(twice).computing >= lambdaRow(load).computing)
    const doubled = { ...load, records: 2 * load.records }
    assert.ok(ledgerRow(doubled).dollarsABillion < ledgerRow(load).dollarsABillion)
    const { instances, conversations, dollarsAMonth } = awsBill(load)
    assert.deepEqual([instances, conversations], [10_000, 100])
    assert.ok(dollarsAMonth > awsBill({ ...load, sharedUnits: 0 }).dollarsAMonth)
  }
})

const positive = z.number().positive()
const measuredOnLinux = process.platform === 'linux' ? positive : z.null()
const Ratios = z.strictObject({
  kind: z.literal('ratios'),
  source: z.string(),
  format: z.string(),
  mix: z.literal('local'),
  records: z.literal(1000),
  bytes: positive,
  findings: z.number(),
  seconds: positive,
  secondsPerMillion: positive,
  megabytes: measuredOnLinux,
  toGzip: positive,
  toGunzip: positive,
  toSplit: positive,
  toParse: positive.nullable(),
  processorToGzip: positive.nullable(),
  against: z.string().nullable(),
})
const Growth = z.strictObject({
  kind: z.literal('growth'),
  source: z.string(),
  format: z.string(),
  mix: z.literal('local'),
  from: z.literal(1000),
  records: z.literal(10_000),
  growth: positive,
  megabytesFrom: measuredOnLinux,
  megabytes: measuredOnLinux,
})

test('npm run bench tells a row for each source and format, then growth, the ledger, Lambda and the bill; nothing stays', async () => {
  const small = ['--size', '1000', '--runs', '1', '--mix', 'local', '--instances', '3', '--growth', '1000']
  const { code, out, err } = await run(...small, '--json')
  assert.equal(code, 0, err)
  const rows = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const ratios = rows.slice(0, formats.length).map(row => Ratios.parse(row))
  assert.deepEqual(
    ratios.map(({ source, format }) => [source, format]),
    formats.map(({ source, name }) => [source, name]),
  )
  for (const { format, toParse, against } of ratios) {
    assert.equal(toParse !== null, format.includes('JSON'))
    assert.equal(against !== null, format.includes('Parquet'))
  }
  assert.equal(Growth.parse(rows[formats.length]).source, 'aws-vpc-flow')
  assert.deepEqual(
    rows.slice(formats.length + 1).map(({ kind, route }) => [kind, route].join(' ').trim()),
    ['ledger s3', 'lambda s3', 'ledger subscription', 'lambda subscription', 'dynamodb'],
  )
  for (const row of rows) assert.match(shown(row), /^\S.*\n$/)
  assert.deepEqual(
    (await readdir(directory)).filter(name => name.startsWith('firebreak-bench-')),
    [],
  )
})

test('npm run bench says what it can do and what was wrong, and exits with 2', async () => {
  const help = await run('--help')
  assert.equal(help.code, 0)
  for (const word of ['--size', '--growth', '--source', 'corpus']) assert.ok(help.out.includes(word), help.out)
  const corpus = await run('corpus', '--help')
  assert.equal(corpus.code, 0)
  assert.ok(corpus.out.includes('--breakouts'), corpus.out)
  for (const [args, said] of [
    [['--size', 'many'], /whole number from 1000 to 10000000/],
    [['--source', 'syslog'], /aws-resolver/],
    [['corpus', '--hours', '0'], /whole number/],
  ] as const) {
    const { code, out, err } = await run(...args)
    assert.deepEqual([code, out], [2, ''], err)
    assert.match(err, said)
  }
})
