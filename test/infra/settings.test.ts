import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as z from 'zod'
import { readConfig } from '../../functions/entry/config.ts'
import { configurationOf, readSettings } from '../../infra/aws/settings.ts'

const example = join(import.meta.dirname, '../../infra/aws/example.json')
let folder = ''
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firebreak-settings-'))
})
after(() => rm(folder, { recursive: true, force: true }))

const Tree = z.record(z.string(), z.json())

/** The example with one setting replaced, or taken away where no value is given, as a file. */
async function changed(path: readonly string[], value?: z.infer<ReturnType<typeof z.json>>): Promise<string> {
  const file = join(folder, 'firebreak.json')
  const settings = Tree.parse(JSON.parse(await readFile(example, 'utf8')))
  await writeFile(file, JSON.stringify(withSetting(settings, path, value)))
  return file
}

function withSetting(tree: unknown, [name = '', ...rest]: readonly string[], value: unknown): unknown {
  if (Array.isArray(tree))
    return tree.map((one, index) => (String(index) === name ? withSetting(one, rest, value) : one))
  const branch = Tree.parse(tree)
  return { ...branch, [name]: rest.length === 0 ? value : withSetting(branch[name], rest, value) }
}

const FLOW_GROUP = ['configuration', 'logGroups', '/firebreak/flow']

test('the example is taken, and only observes', () => {
  const { config, deployment } = readSettings(example)
  assert.equal(config.policy.mode, 'observe')
  assert.equal(deployment.flowLog?.group, '/firebreak/flow')
})

test('what an artifact carries is read by the function with the environment that the template gives', () => {
  const text = configurationOf('respond', readSettings(example))
  const config = readConfig({
    FIREBREAK_CONFIG: text,
    FIREBREAK_ACCOUNT: '444455556666',
    FIREBREAK_TABLE: 'firebreak-ledger',
    FIREBREAK_QUEUE: 'https://sqs.example.com/444455556666/firebreak-orders.fifo',
    FIREBREAK_FINDINGS_FROM: 'AROAEXAMPLE0EXAMPLE00',
    FIREBREAK_OWN_ROLES: 'AROAEXAMPLE0EXAMPLE00,AROAEXAMPLE0EXAMPLE01',
    FIREBREAK_DEAD_LETTERS: 'https://sqs.example.com/444455556666/firebreak-dead-letters',
    FIREBREAK_WEBHOOK_SECRET: 'a secret of twenty characters',
  })
  assert.equal(config.account, '444455556666')
  assert.equal(config.findingsFrom, 'AROAEXAMPLE0EXAMPLE00')
  const [ticket] = config.tickets
  assert.equal(ticket?.target === 'webhook' && ticket.secret, 'a secret of twenty characters')
})

test('a function that opens no tickets needs no secret and knows no tracker', () => {
  for (const name of ['watch', 'operate'] as const) {
    const text = configurationOf(name, readSettings(example))
    assert.doesNotMatch(text, /tickets|tracker\.example\.com|WEBHOOK/)
  }
})

test('the file of indicators beside the settings is checked and goes into the artifacts', async () => {
  const list = '# date: 2026-11-20\npool a.example.net # x\n'
  await writeFile(join(folder, 'indicators.txt'), list)
  const path = await changed(['configuration', 'indicators'], { file: 'indicators.txt' })
  const { beside, config } = readSettings(path)
  assert.deepEqual(beside, { 'indicators.txt': Buffer.from(list) })
  assert.equal(config.rules.indicators.length, 1)
  await writeFile(join(folder, 'indicators.txt'), `${list}pool com\n`)
  assert.throws(() => readSettings(path), /as the functions would: .*line 3/)
})

test('readSettings() refuses a file that is missing or no JSON', async () => {
  assert.throws(
    () => readSettings(join(folder, 'nothing.json')),
    /^ConfigurationError: Cannot read .*nothing\.json: .*ENOENT/,
  )
  const path = join(folder, 'broken.json')
  await writeFile(path, '{')
  assert.throws(() => readSettings(path), /Cannot read .*broken\.json: SyntaxError/)
})

test('readSettings() refuses a misspelt setting, above and within the configuration', async () => {
  const above = await changed(['deployment', 'alarmTopics'], '')
  assert.throws(() => readSettings(above), /"alarmTopics"/)
  const within = await changed(['configuration', 'logGroup'], {})
  assert.throws(() => readSettings(within), /"logGroup"/)
})

test('readSettings() refuses what the template fills in', async () => {
  for (const name of ['account', 'table', 'queue', 'findingsFrom', 'deadLetters']) {
    const path = await changed(['configuration', name], 'x')
    assert.throws(() => readSettings(path), new RegExp(`"${name}" is filled in by the template`))
  }
})

test('readSettings() refuses a secret in clear, and does not repeat it', async () => {
  const clear = await changed(['configuration', 'tickets', '0', 'secret'], 'in clear, for all to read')
  assert.throws(
    () => readSettings(clear),
    (error: unknown) => /"tickets\.0\.secret" is in clear/.test(`${error}`) && !/for all to read/.test(`${error}`),
  )
})

test('readSettings() refuses a secret that nothing gives a value', async () => {
  const unnamed = await changed(['deployment', 'secrets'], {})
  assert.throws(() => readSettings(unnamed), /FIREBREAK_WEBHOOK_SECRET is not set/)
})

test('readSettings() refuses a log format that watch could not read', async () => {
  const path = await changed([...FLOW_GROUP, 'fields'], 'srcaddr dstadr')
  assert.throws(
    () => readSettings(path),
    /^ConfigurationError: Cannot read .*: log group "\/firebreak\/flow": .*dstadr/,
  )
})

test('readSettings() refuses a flow log whose group is not configured with its format', async () => {
  const given: [string[], Record<string, string>?][] = [
    [[...FLOW_GROUP, 'fields']],
    [FLOW_GROUP, { source: 'aws-network-firewall' }],
    [FLOW_GROUP],
  ]
  for (const [path, value] of given) {
    const file = await changed(path, value)
    assert.throws(() => readSettings(file), /deployment\.flowLog\.group is "\/firebreak\/flow"/)
  }
})

test('readSettings() refuses buckets that nothing tells of, and notices of no bucket', async () => {
  const silent = await changed(['configuration', 'buckets'], { 'example-logs': {} })
  assert.throws(() => readSettings(silent), /nothing under deployment\.objects tells of their objects/)
  const empty = await changed(['deployment', 'objects'], { bus: true })
  assert.throws(() => readSettings(empty), /configuration\.buckets names no bucket/)
})

test('readSettings() refuses a bucket whose log format watch could not read, and what is no stream', async () => {
  const format = await changed(['configuration', 'buckets'], { 'example-logs': { fields: 'srcaddr dstadr' } })
  assert.throws(() => readSettings(format), /bucket "example-logs": .*dstadr/)
  const stream = await changed(['configuration', 'streams'], { logs: {} })
  assert.throws(() => readSettings(stream), /Invalid key in record\s+→ at streams\.logs/)
})
