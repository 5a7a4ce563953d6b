import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as z from 'zod'
import { type ReplayOptions, replay } from './index.ts'

const EVENTS = fileURLToPath(new URL('../../../events/', import.meta.url))
const CLI = fileURLToPath(new URL('../firebreak.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'firebreak-replay-'))
after(() => rmSync(folder, { recursive: true }))

const Summary = z.object({
  kind: z.literal('summary'),
  records: z.number(),
  malformed: z.number(),
  bytes: z.number(),
  conversations: z.number(),
  findings: z.number(),
  seconds: z.number(),
})
const Finding = z.object({
  kind: z.literal('finding'),
  instance: z.string(),
  decision: z.enum(['isolate', 'alert', 'watch']),
  score: z.number(),
  signals: z.array(
    z.object({ rule: z.string(), family: z.string(), points: z.number(), first: z.number(), last: z.number() }),
  ),
})

async function replayed(files: readonly string[], options: ReplayOptions = {}) {
  let out = ''
  let err = ''
  const output = {
    out(text: string) {
      out += text
    },
    err(text: string) {
      err += text
    },
    live: false,
  }
  const read = await replay(files, { json: true, ...options }, output)
  const lines: unknown[] = out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  return {
    read,
    err,
    summary: Summary.parse(lines.at(-1)),
    findings: lines.slice(0, -1).map(line => Finding.parse(line)),
  }
}

function saved(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** The fields of the sample in an order of its own. */
const V5 =
  'version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id ' +
  'interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr ' +
  'pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path log-status'

const samples: Readonly<Record<string, { records: number; conversations?: number; fields?: string }>> = {
  'agent-trace/tool-calls': { records: 3 },
  'aws-network-firewall/alert': { records: 4 },
  'aws-network-firewall/netflow': { records: 4, conversations: 4 },
  'aws-network-firewall/suricata': { records: 6 },
  'aws-network-firewall/tls': { records: 3 },
  'aws-resolver/dns-firewall': { records: 2 },
  'aws-resolver/queries': { records: 4 },
  'aws-vpc-flow/nodata-skipdata': { records: 2 },
  'aws-vpc-flow/v2': { records: 5, conversations: 3 },
  'aws-vpc-flow/v5-custom-order': { records: 3, fields: V5 },
}

for (const [name, { records, fields }] of Object.entries(samples))
  test(`replay counts the records of ${name}, as payload and as text`, async () => {
    for (const end of ['json', 'decoded.json']) {
      const { summary, read } = await replayed([`${EVENTS}${name}.${end}`], fields === undefined ? {} : { fields })
      assert.ok(read)
      assert.deepEqual([summary.records, summary.malformed], [records, 0])
      const { conversations } = samples[name] ?? {}
      if (conversations !== undefined) assert.equal(summary.conversations, conversations)
    }
  })

test('replay counts each event of the bus, by a pattern', async () => {
  const names = readdirSync(EVENTS, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.event.json'))
  const { summary } = await replayed([`${EVENTS}*/*.event.json`])
  assert.deepEqual([summary.records, summary.malformed], [names.length, 0])
})

test('replay counts the rows of Parquet', async () => {
  const { summary } = await replayed([`${EVENTS}aws-vpc-flow/*.parquet`])
  assert.deepEqual([summary.records, summary.malformed], [8, 0])
})

const HEADER =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action tcp-flags log-status'
const AT = 1_795_000_020
const lineOf = (eni: string, from: string, to: string, packets: number, bytes: number, start: number, flags: number) =>
  `5 123456789012 ${eni} ${from} ${to} 6 ${packets} ${bytes} ${start} ${start + 50} ACCEPT ${flags} OK`

/** A session of SSH to the outside that somebody there drives for ten minutes. */
function tunnel(eni: string, own: string, peer = '203.0.113.77'): string[] {
  const [out, back] = [`${own} ${peer} 40022 22`, `${peer} ${own} 22 40022`]
  const lines = [lineOf(eni, ...ends(out), 18, 4410, AT, 2), lineOf(eni, ...ends(back), 14, 4100, AT, 18)]
  for (let minute = 1; minute < 20; minute++)
    lines.push(
      lineOf(eni, ...ends(out), 110, 16_500, AT + 60 * minute, 0),
      lineOf(eni, ...ends(back), 220, 15_000, AT + 60 * minute, 0),
    )
  return lines
}

function ends(text: string): [string, string] {
  const [from = '', to = '', ...ports] = text.split(' ')
  return [from, `${to} ${ports.join(' ')}`]
}

const text = (lines: readonly string[]) => `${[HEADER, ...lines].join('\n')}\n`
const log = text(tunnel('eni-1', '10.0.0.5'))

test('replay says the same of plain text, gzip and zstd, and of standard input', async () => {
  const plain = await replayed([saved('plain.log', log)])
  assert.equal(plain.summary.records, 40)
  assert.equal(plain.findings.at(-1)?.instance, 'eni-1')
  assert.ok(plain.findings.some(({ decision }) => decision !== 'watch'))
  for (const file of [saved('a.log.gz', gzipSync(log)), saved('b.log.zst', zstdCompressSync(log))]) {
    const { summary, findings } = await replayed([file])
    assert.deepEqual([summary.records, findings], [plain.summary.records, plain.findings])
  }
  const { code, out } = await run(['replay', '-', '--json'], log)
  assert.equal(code, 0)
  assert.deepEqual(
    out
      .trim()
      .split('\n')
      .slice(0, -1)
      .map(line => Finding.parse(JSON.parse(line))),
    plain.findings,
  )
})

test('replay names instances by the inventory and leaves out what is out of scope or exempt', async () => {
  const scope = { 'firebreak:scope': 'agent' }
  const inventory = saved(
    'inventory.json',
    JSON.stringify([
      { interface: 'eni-1', instance: 'i-1', addresses: ['10.0.0.5'], tags: scope },
      { interface: 'eni-2', instance: 'i-2', addresses: ['10.0.0.6'], tags: {} },
      { interface: 'eni-3', instance: 'i-3', addresses: ['10.0.0.7'], tags: { ...scope, 'firebreak:exempt': 'true' } },
    ]),
  )
  const all = ['5', '6', '7', '8'].flatMap((last, index) => tunnel(`eni-${index + 1}`, `10.0.0.${last}`))
  const { summary, findings } = await replayed([saved('four.log', text(all))], { inventory })
  assert.deepEqual([summary.records, summary.conversations], [160, 1])
  assert.deepEqual([...new Set(findings.map(({ instance }) => instance))], ['i-1'])
})

test('replay counts malformed lines and no headers', async () => {
  const { summary } = await replayed([saved('bad.log', `${log}not a record\n\n${log}`)])
  assert.deepEqual([summary.records, summary.malformed], [80, 1])
})

test('replay keeps to the time that is asked for', async () => {
  const { summary } = await replayed([saved('timed.log', log)], { since: `${AT + 60}`, until: `${AT + 120}` })
  assert.equal(summary.records, 2)
})

test('replay reads the files in the order of their times, whatever their names', async () => {
  const lines = tunnel('eni-1', '10.0.0.5')
  const late = saved('1-late.log', text(lines.slice(20)))
  const early = saved('2-early.log', text(lines.slice(0, 20)))
  const whole = await replayed([saved('whole.log', log)])
  assert.deepEqual((await replayed([late, early])).findings, whole.findings)
})

test('replay reads exports of CloudWatch, records a line of the resolver and documents without a line end between', async () => {
  const exported = tunnel('eni-1', '10.0.0.5').map(line => `2026-11-18T10:00:00.000Z ${line}`)
  const fields = HEADER
  assert.equal((await replayed([saved('export.txt', exported.join('\n'))], { fields })).summary.records, 40)
  const query = (name: string) =>
    JSON.stringify({
      version: '1.1',
      account_id: '123456789012',
      region: 'us-east-1',
      vpc_id: 'vpc-1',
      query_timestamp: '2026-11-18T10:00:00Z',
      query_name: `${name}.`,
      query_type: 'A',
      query_class: 'IN',
      rcode: 'NOERROR',
      answers: [{ Rdata: '203.0.113.5', Type: 'A', Class: 'IN' }],
      srcaddr: '10.0.0.5',
      srcport: '45000',
      transport: 'UDP',
      srcids: { instance: 'i-0123456789abcdef0' },
    })
  const names = ['a.example.com', 'b.example.com']
  for (const between of ['\n', ''])
    assert.equal((await replayed([saved('names.json', names.map(query).join(between))])).summary.records, 2)
})

test('replay says which file cannot be read and why, tells of the rest, and exits with 2', async () => {
  const cut = saved('cut.log.gz', gzipSync(log).subarray(0, 200))
  const strange = saved('strange.bin', 'one two three\n')
  const { read, err, summary } = await replayed([cut, strange, saved('whole-too.log', log)])
  assert.equal(read, false)
  assert.equal(summary.records >= 40, true)
  assert.match(err, /cut\.log\.gz.*unexpected end of file/)
  assert.match(err, /strange\.bin.*nothing in it looks like a log/)
  const missing = await run(['replay', join(folder, 'nosuch'), '--json'], '')
  assert.equal(missing.code, 2)
  assert.match(missing.err, /nosuch.*there is no such file/)
})

test('a line without end and a million peers are held in bounded memory', async () => {
  const endless = saved('endless.log.gz', gzipSync(`${log}${'x'.repeat(20_000_000)}`))
  const { summary } = await replayed([endless])
  assert.deepEqual([summary.records, summary.malformed], [40, 1])
  const scan = Array.from({ length: 20_000 }, (_, index) => {
    const peer = `198.18.${index >> 8}.${index & 255}`
    return lineOf('eni-9', '10.0.0.9', `${peer} 40000 443`, 1, 44, AT + Math.floor(index / 100), 2)
  })
  const scanned = await replayed([saved('scan.log', text(scan))])
  assert.equal(scanned.summary.records, 20_000)
  assert.equal(scanned.summary.conversations, 20_000)
})

test('--explain tells the score of an instance minute by minute', async () => {
  const { code, out } = await run(['replay', saved('explained.log', log), '--explain', 'eni-1'], '')
  assert.equal(code, 0)
  assert.ok(out.split('\n').filter(line => /^\d{4}-\d\d-\d\dT/.test(line)).length >= 15)
})

function run(args: readonly string[], input: string): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [CLI, ...args])
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => {
    out += String(chunk)
  })
  child.stderr.on('data', chunk => {
    err += String(chunk)
  })
  child.stdin.end(input)
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', code => resolve({ code, out, err }))
  })
}
