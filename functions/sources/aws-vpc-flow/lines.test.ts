import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LineOptions } from '../../core/source.ts'
import { ACCOUNT, collecting, INTERFACE } from '../envelopes/sink-fixture.ts'
import { DEFAULT_FORMAT } from './fields.ts'
import { awsVpcFlow } from './index.ts'

const T = 1_795_000_000
const line = `2 ${ACCOUNT} ${INTERFACE} 10.0.1.20 203.0.113.10 49152 22 6 18 4410 ${T} ${T + 59} ACCEPT OK`
const other = 'bytes packets dstaddr srcaddr protocol srcport dstport start end action'
const otherLine = `40 1 2001:db8::1 2001:db8::20 6 49153 443 ${T} ${T + 9} REJECT`

function readAll(text: string | Uint8Array, chunk = 1 << 16, fields?: string, options?: LineOptions) {
  const seen = collecting()
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const reader = awsVpcFlow.lines({ fields }, seen.sink, options)
  for (let at = 0; at < bytes.length; at += chunk) reader.push(bytes.subarray(at, at + chunk))
  reader.end()
  return seen
}

test('lines() reads the default format without a header', () => {
  assert.deepEqual(readAll(`${line}\n${line}`).counts(), {
    ...{ flows: 2, coverage: 0, names: 0, alerts: 0, loads: 0, toolCalls: 0, rejected: 0 },
  })
})

test('lines() follows header lines wherever they stand', () => {
  const seen = readAll(
    [line, other, otherLine, `\${srcaddr} ${DEFAULT_FORMAT}`, line, '', DEFAULT_FORMAT, line].join('\r\n'),
  )
  assert.deepEqual(
    seen.flows.map(({ destinationPort, bytes, accepted }) => [destinationPort, bytes, accepted]),
    [
      [22, 4410, true],
      [443, 40, false],
      [22, 4410, true],
    ],
  )
  assert.deepEqual(
    seen.rejected.map(({ position, reason }) => [position, reason]),
    [
      ['line 4', 'Cannot use flow log format: field "srcaddr" stands twice'],
      ['line 5', 'Cannot parse flow record: Cannot use flow log format: field "srcaddr" stands twice'],
    ],
  )
})

test('lines() reads Parquet’s spelling of a header', () => {
  assert.equal(readAll(`${DEFAULT_FORMAT.replaceAll('-', '_')}\n${line}\n`).flows.length, 1)
})

test('lines() does not keep an old format’s values', () => {
  const short = other.replace('protocol', 'protocol flow-direction tcp-flags')
  const first = otherLine.replace(' 6 ', ' 6 egress 3 ')
  const { flows } = readAll([short, first, other, otherLine].join('\n'))
  assert.deepEqual(
    flows.map(({ flags, direction, interface: of, account }) => [flags, direction, of, account]),
    [
      [3, 'egress', undefined, undefined],
      [undefined, undefined, undefined, undefined],
    ],
  )
})

test('lines() gives the same however the bytes are cut', () => {
  const long = `${line}${' '.repeat(9000)}`
  const text = `\uFEFF${DEFAULT_FORMAT}\r\n${line}\r\n\n${long}\n${line} x\n${other}\n${otherLine}\n- - -\n${otherLine}`
  const whole = readAll(text)
  assert.deepEqual(whole.counts(), { flows: 4, coverage: 0, names: 0, alerts: 0, loads: 0, toolCalls: 0, rejected: 2 })
  for (const chunk of [1, 2, 3, 7, 64, 129, 1000, 8999]) {
    const cut = readAll(text, chunk)
    assert.deepEqual([cut.flows, cut.rejected], [whole.flows, whole.rejected], `chunks of ${chunk}`)
  }
})

test('lines() holds no more than a kilobyte of a line of 10 MB, and reads on behind it', () => {
  const endless = Buffer.alloc(10_000_000, 'x')
  const bytes = Buffer.concat([Buffer.from(`${line}\n`), endless, Buffer.from(`\n${line}\n`)])
  for (const chunk of [1 << 12, 1 << 16, bytes.length]) {
    const { flows, rejected } = readAll(bytes, chunk)
    assert.equal(flows.length, 2)
    assert.equal(rejected.length, 1)
    assert.equal(rejected[0]?.position, 'line 2')
    assert.ok(rejected[0].bytes.buffer.byteLength <= 1024)
    assert.match(rejected[0].reason, /10000000 bytes, 65536 are allowed|field "version" is "x+/)
  }
  assert.match(readAll(endless).rejected[0]?.reason ?? '', /it has 10000000 bytes/)
})

test('lines() takes a format without times where counting is all that is asked', () => {
  const fields = 'instance-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr'
  const text = `- ${INTERFACE} 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5\n`
  assert.throws(() => readAll(text, 99, fields), /it lacks srcport/)
  const { flows } = readAll(text, 99, fields, { partial: true, time: T })
  assert.deepEqual(
    flows.map(({ source, destination, start, end, protocol }) => [source, destination, start, end, protocol]),
    [['10.0.1.5', '203.0.113.5', T, T, 255]],
  )
  const untimed = readAll(text, 99, fields, { partial: true })
  assert.match(untimed.rejected[0]?.reason ?? '', /its format has no times/)
})

test('lines() names what covers no interface', () => {
  const { rejected } = readAll(`srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status
- - - - - - - ${T} ${T + 9} - NODATA`)
  assert.match(rejected[0]?.reason ?? '', /names no interface that it would cover/)
})
