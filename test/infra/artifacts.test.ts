import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { unzipSync } from 'fflate'
import { bundle, zip } from '../../infra/aws/artifacts.ts'
import { FUNCTIONS } from '../../infra/aws/functions.ts'

const bundles = await Promise.all(FUNCTIONS.map(bundle))

const carries = (inputs: readonly string[], name: string) =>
  inputs.some(input => input.includes(`node_modules/${name}/`))

test('watch and operate carry no EC2 client; respond, verify and revoke do', () => {
  const carrying = bundles.filter(({ inputs }) => carries(inputs, '@aws-sdk/client-ec2')).map(({ name }) => name)
  assert.deepEqual(carrying, ['respond', 'verify', 'revoke'])
})

test("IAM's client is revoke's alone, and what the cut does not need is read when it is needed", () => {
  for (const { name, inputs, later } of bundles) {
    assert.equal(carries(inputs, '@aws-sdk/client-iam'), name === 'revoke', name)
    assert.ok(!carries(inputs, '@aws-sdk/client-lambda'), name)
    for (const client of ['lambda', 'resolver'])
      assert.equal(`${client}.js` in later, ['respond', 'verify'].includes(name), `${name} ${client}`)
    assert.ok(!carries(inputs, '@aws-sdk/client-route53resolver'), name)
  }
})

test("no bundle carries the other cloud's SDK, the sandbox, or what only builds and tests", () => {
  for (const { name, inputs } of bundles) {
    for (const foreign of ['@alicloud/pop-core', 'dynalite', 'fauxqs', 'esbuild', 'commander'])
      assert.ok(!carries(inputs, foreign), `${name} carries ${foreign}`)
    for (const layer of ['functions/sandbox/', 'functions/cli/', 'functions/clouds/aliyun/', 'infra/'])
      assert.deepEqual(
        inputs.filter(input => input.startsWith(layer)),
        [],
        name,
      )
  }
})

test('a bundle starts as Lambda starts it, from /var/task alone, and offers its handler', async () => {
  for (const { name, code, later } of bundles) {
    const task = await mkdtemp(join(tmpdir(), 'firebreak-task-'))
    try {
      for (const [file, bytes] of Object.entries({ ...later, 'index.js': code }))
        await writeFile(join(task, file), bytes)
      const environment = {
        AWS_REGION: 'eu-west-1',
        FIREBREAK_CONFIG: JSON.stringify({
          account: '111122223333',
          table: 'firebreak-ledger',
          queue: 'https://sqs.example.com/orders',
          deadLetters: 'https://sqs.example.com/dead-letters',
        }),
      }
      const files = JSON.stringify(Object.keys(later).map(file => `./${file}`))
      const script = `const loaded = ${files}.map(file => import(file))
        Promise.all(loaded).then(all => {
          if (all.some(one => Object.keys(one).length < 2)) throw new Error('a client offers nothing by name')
          process.stdout.write(typeof require('./index.js').handler)
        })`
      const { stdout } = await promisify(execFile)(process.execPath, ['-e', script], { cwd: task, env: environment })
      assert.equal(stdout, 'function', name)
    } finally {
      await rm(task, { recursive: true, force: true })
    }
  }
})

test('the same sources give the same artifact, whatever the hour and the time zone', async () => {
  const [one, two] = await Promise.all([bundle('operate'), bundle('operate')])
  assert.ok(Buffer.from(one.code).equals(two.code))
  const script = `const { zip } = await import(${JSON.stringify(join(import.meta.dirname, '../../infra/aws/artifacts.ts'))})
    process.stdout.write(Buffer.from(zip({ b: Buffer.from('2'), a: Buffer.from('1') })).toString('hex'))`
  const elsewhere = await Promise.all(
    ['Pacific/Auckland', 'America/Los_Angeles'].map(TZ =>
      promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], { env: { ...process.env, TZ } }),
    ),
  )
  const here = Buffer.from(zip({ a: Buffer.from('1'), b: Buffer.from('2') })).toString('hex')
  assert.deepEqual(
    elsewhere.map(({ stdout }) => stdout),
    [here, here],
  )
})

test('an artifact holds what was put in, readable by all', () => {
  const bytes = zip({ 'index.js': Buffer.from('1'), 'firebreak.json': Buffer.from('{}') })
  assert.deepEqual(Object.keys(unzipSync(bytes)), ['firebreak.json', 'index.js'])
  // External attributes of the first central directory entry (PKWARE APPNOTE 4.3.12): the mode in the upper half.
  const entry = Buffer.from(bytes).indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]))
  assert.equal((Buffer.from(bytes).readUInt32LE(entry + 38) >>> 16) & 0o777, 0o644)
})
