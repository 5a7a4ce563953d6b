import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../../core/errors.ts'
import type { Flow } from '../../core/flow.ts'
import { ACCOUNT, batchOf, collecting, INTERFACE } from '../envelopes/sink-fixture.ts'
import { DEFAULT_FORMAT } from './fields.ts'
import { awsVpcFlow } from './index.ts'

const T = 1_795_000_000

const good = `2 ${ACCOUNT} ${INTERFACE} 10.0.1.20 203.0.113.10 49152 22 6 18 4410 ${T} ${T + 59} ACCEPT OK`

const flow: Flow = {
  interface: INTERFACE,
  account: ACCOUNT,
  firewall: undefined,
  source: '10.0.1.20',
  destination: '203.0.113.10',
  sourcePort: 49_152,
  destinationPort: 22,
  protocol: 6,
  packets: 18,
  bytes: 4410,
  start: T,
  end: T + 59,
  flags: undefined,
  accepted: true,
  direction: undefined,
}

function decode(messages: readonly string[], fields?: string, from: Parameters<typeof batchOf>[1] = {}) {
  const seen = collecting()
  awsVpcFlow.open({ fields })(batchOf(messages, from), seen.sink)
  return seen
}

/** The good record with one field of the default format replaced. */
function withField(name: string, value: string): string {
  const fields = DEFAULT_FORMAT.split(' ')
  return good
    .split(' ')
    .map((word, index) => (fields[index] === name ? value : word))
    .join(' ')
}

test('decode reads the default format', () => {
  assert.deepEqual(decode([good, `${good}\n`, `${good} \r\n`]).flows, [flow, flow, flow])
})

test('decode reads any order, flags, direction and the packet’s own addresses', () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: that is how AWS writes a format
  const fields =
    '${flow-direction} ${tcp-flags} ${pkt-dstaddr} ${pkt-srcaddr} ${dstaddr} ${srcaddr} ${end} ${start} ${bytes} ${packets} ' +
    '${protocol} ${dstport} ${srcport} ${action} ${interface-id} ${instance-tag}'
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: as above
  const { flows } = decode(
    [
      `egress 3 203.0.113.99 10.0.9.9 10.0.0.220 10.0.1.20 ${T + 9} ${T} 40 1 6 443 40000 REJECT ${INTERFACE} a%20b`,
      `ingress - - - 10.0.0.220 10.0.1.20 ${T + 9} ${T} 40 1 17 443 - ACCEPT ${INTERFACE} -`,
    ],
    fields,
  )
  const start = T
  const end = T + 9
  assert.deepEqual(flows, [
    {
      ...flow,
      ...{ source: '10.0.9.9', destination: '203.0.113.99', sourcePort: 40_000, destinationPort: 443 },
      ...{ packets: 1, bytes: 40, start, end, flags: 3, accepted: false, direction: 'egress' },
    },
    {
      ...flow,
      ...{ source: '10.0.1.20', destination: '10.0.0.220', sourcePort: 0, destinationPort: 443, protocol: 17 },
      ...{ packets: 1, bytes: 40, start, end, direction: 'ingress' },
    },
  ])
})

test('decode gives each address one text', () => {
  const pairs = [
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8::1', '2001:db8::1'],
    ['::ffff:203.0.113.10', '203.0.113.10'],
    ['0.0.0.0', '0.0.0.0'],
    ['255.255.255.255', '255.255.255.255'],
  ]
  const { flows } = decode(pairs.map(([written]) => withField('dstaddr', written ?? '')))
  assert.deepEqual(
    flows.map(({ destination }) => destination),
    pairs.map(([, canonical]) => canonical),
  )
})

test('decode makes coverage of NODATA and SKIPDATA', () => {
  const silent = (status: string) => `2 ${ACCOUNT} ${INTERFACE} - - - - - - - ${T} ${T + 59} - ${status}`
  const seen = decode([silent('NODATA'), silent('SKIPDATA')])
  const covered = { interface: INTERFACE, account: ACCOUNT, start: T, end: T + 59 }
  assert.deepEqual(seen.coverage, [
    { ...covered, status: 'nodata' },
    { ...covered, status: 'skipped' },
  ])
  assert.equal(seen.flows.length, 0)
})

const broken: readonly (readonly [string, string])[] = [
  [good.slice(0, good.lastIndexOf(' ')), 'it has 13 fields, the format has 14'],
  [`${good} extra`, "there are more than the format's 14 fields"],
  ['2', 'it has 1 field, the format has 14'],
  ['', 'the message is empty'],
  [`${good}\n${good}`, 'the message has more than one line'],
  [good.replace(' 22 ', '  '), 'field "dstport" is ""'],
  [good.replace(' 22 ', '\t22 '), 'a control character stands after field "srcport"'],
  [withField('srcport', 'abc'), 'field "srcport" is "abc"'],
  [withField('srcport', '65536'), 'field "srcport" is "65536"'],
  [withField('dstport', '-1'), 'field "dstport" is "-1"'],
  [withField('protocol', '256'), 'field "protocol" is "256"'],
  [withField('protocol', '-'), 'field "protocol" is "-" in a record that says OK'],
  [withField('bytes', '9007199254740993'), 'field "bytes" is "9007199254740993", more than 2^53 - 1'],
  [withField('bytes', '1e3'), 'field "bytes" is "1e3"'],
  [withField('packets', '-'), 'field "packets" is "-" in a record that says OK'],
  [withField('srcaddr', '-'), 'field "srcaddr" is "-" in a record that says OK'],
  [withField('srcaddr', '10.0.1.256'), 'field "srcaddr" is "10.0.1.256"'],
  [withField('srcaddr', '10.0.01.2'), 'field "srcaddr" is "10.0.01.2"'],
  [withField('srcaddr', '10.0.1'), 'field "srcaddr" is "10.0.1"'],
  [withField('srcaddr', '10.0.1.'), 'field "srcaddr" is "10.0.1."'],
  [withField('dstaddr', 'example.com'), 'field "dstaddr" is "example.com"'],
  [withField('start', `${T}000`), `field "start" is "${T}000", not seconds since the epoch`],
  [withField('start', '0'), 'field "start" is "0", not seconds since the epoch'],
  [withField('end', `${T - 1}`), `field "end" is "${T - 1}", before its start "${T}"`],
  [withField('end', '-'), 'field "end" is "-"'],
  [withField('action', 'accept'), 'field "action" is "accept"'],
  [withField('action', '-'), 'field "action" is "-" in a record that says OK'],
  [withField('log-status', 'FINE'), 'field "log-status" is "FINE"'],
  [withField('version', 'two'), 'field "version" is "two"'],
  [withField('account-id', '210987654321'), `field "account-id" is "210987654321", its log group is of "${ACCOUNT}"`],
  [withField('interface-id', 'eni-other'), `field "interface-id" is "eni-other", its stream is of "${INTERFACE}"`],
  [withField('interface-id', '-'), 'field "interface-id" is "-"'],
  [withField('interface-id', 'e'.repeat(10_000_000)), 'it has 10000'],
]

for (const [message, reason] of broken)
  test(`decode refuses a record: ${reason}`, () => {
    const seen = decode([good, message, good])
    assert.deepEqual(seen.flows, [flow, flow], 'the good records stand')
    assert.equal(seen.rejected.length, 1)
    const [rejected] = seen.rejected
    assert.equal(rejected?.position, 'event 1 (id-1)')
    assert.ok(rejected.reason.startsWith(`Cannot parse flow record: ${reason}`), rejected.reason)
    assert.ok(rejected.bytes.length <= 1024)
    assert.equal(Buffer.from(rejected.bytes).toString(), message.slice(0, 1024))
  })

test('decode takes an unknown account when the interface is the stream’s', () => {
  assert.deepEqual(decode([withField('account-id', 'unknown')]).flows, [flow])
})

test('decode keeps the zeros of an account', () => {
  const account = '000000000042'
  const { flows } = decode([withField('account-id', account)], undefined, { owner: account })
  assert.deepEqual(flows, [{ ...flow, account }])
})

test('decode refuses every record of a stream that names no interface', () => {
  const seen = decode([good], undefined, { stream: 'somebody' })
  assert.deepEqual(
    seen.rejected.map(({ reason }) => reason),
    ['Cannot parse flow record: its stream names no interface'],
  )
  assert.equal(seen.flows.length, 0)
})

test('decode takes the interface from the stream where the format has none', () => {
  const fields = DEFAULT_FORMAT.replace('interface-id ', '')
  const { flows } = decode([good.replace(`${INTERFACE} `, '')], fields, { stream: `${INTERFACE}-reject` })
  assert.deepEqual(flows, [flow])
})

test('decode reads a transit gateway’s records, which stand for no interface', () => {
  const fields =
    'version resource-type account-id tgw-id tgw-attachment-id tgw-src-eni srcaddr dstaddr srcport dstport protocol packets ' +
    'bytes start end log-status tcp-flags'
  const line =
    `6 TransitGateway ${ACCOUNT} tgw-0a1b2c3d4e5f60718 tgw-attach-0a1b2c3d4e5f60718 ${INTERFACE} 10.0.1.20 10.9.0.1 49152 ` +
    `22 6 18 4410 ${T} ${T + 59} OK 2`
  const { flows } = decode([line], fields, { stream: 'tgw-0a1b2c3d4e5f60718' })
  const transit = { interface: undefined, firewall: 'tgw-0a1b2c3d4e5f60718', destination: '10.9.0.1', flags: 2 }
  assert.deepEqual(flows, [{ ...flow, ...transit }])
})

test('open() refuses a format that cannot be read, and names the field', () => {
  const refused: [string, string][] = [
    [`${DEFAULT_FORMAT} colour`, 'there is no field "colour"'],
    ['version srcaddr dstaddr', 'it lacks srcport, dstport, protocol, packets, bytes, start, end, action'],
    [DEFAULT_FORMAT.replace('dstaddr', 'region'), 'it lacks dstaddr'],
    [`${DEFAULT_FORMAT} srcaddr`, 'field "srcaddr" stands twice'],
    ['', 'it lacks srcaddr'],
    ['${', 'there is no field "${"'],
    ['version '.repeat(9000), 'characters, 8192 are allowed'],
  ]
  for (const [fields, reason] of refused)
    assert.throws(
      () => awsVpcFlow.open({ fields }),
      (thrown: unknown) => thrown instanceof ConfigurationError && thrown.message.includes(reason),
      reason,
    )
})
