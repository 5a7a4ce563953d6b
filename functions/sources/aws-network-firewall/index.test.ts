import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ACCOUNT, batchOf, collecting } from '../envelopes/sink-fixture.ts'
import { awsNetworkFirewall } from './index.ts'

const T = 1_795_000_000
const STREAM = '/aws/network-firewall/alert/egress_2026-11-18-11'

const ends = { src_ip: '10.0.1.20', src_port: 49_152, dest_ip: '203.0.113.10', dest_port: 443, proto: 'TCP' }

function record(event: Record<string, unknown>, rest: Record<string, unknown> = {}): string {
  return JSON.stringify({
    firewall_name: 'egress',
    availability_zone: 'us-east-1a',
    event_timestamp: String(T),
    event: { ...ends, ...event },
    ...rest,
  })
}

function decode(messages: readonly string[], stream = STREAM) {
  const seen = collecting()
  awsNetworkFirewall.open({})(batchOf(messages, { stream }), seen.sink)
  return seen
}

const netflow = { pkts: 18, bytes: 4410, start: '2026-11-18T11:06:40.5+0000', end: '2026-11-18T11:07:39+0000' }

test('netflow is a flow of one direction, known to the firewall and to no interface', () => {
  const { flows } = decode([record({ event_type: 'netflow', netflow, tcp: { tcp_flags: '1b' } })])
  assert.deepEqual(flows, [
    {
      interface: undefined,
      account: ACCOUNT,
      firewall: 'egress',
      source: '10.0.1.20',
      destination: '203.0.113.10',
      sourcePort: 49_152,
      destinationPort: 443,
      protocol: 6,
      packets: 18,
      bytes: 4410,
      start: 1_795_000_000,
      end: 1_795_000_059,
      flags: 27,
      accepted: true,
      direction: undefined,
    },
  ])
})

test('netflow of no packets is no flow, since nothing answered', () => {
  assert.equal(decode([record({ event_type: 'netflow', netflow: { ...netflow, pkts: 0 } })]).counts().flows, 0)
})

test('an alert carries its rule, its ends and whether it was blocked', () => {
  const alert = {
    action: 'blocked',
    signature_id: 7,
    signature: 'Stratum login',
    category: 'x'.repeat(900),
    severity: 1,
  }
  const { alerts } = decode([record({ event_type: 'alert', alert, src_ip: '2001:DB8::0:1' })])
  assert.deepEqual(alerts, [
    {
      kind: 'mining',
      rule: '7 Stratum login',
      source: '2001:db8::1',
      sourcePort: 49_152,
      destination: '203.0.113.10',
      destinationPort: 443,
      protocol: 6,
      blocked: true,
      instance: undefined,
      firewall: 'egress',
      time: T,
    },
  ])
})

test('what the policy alerts of every connection is a name and no alert', () => {
  const alert = { action: 'allowed', signature: 'aws:alert_established action' }
  const seen = decode([record({ event_type: 'alert', alert, tls: { sni: 'Api.Example.com' } })])
  assert.deepEqual(seen.alerts, [])
  assert.deepEqual(
    seen.names.map(({ via, name, client, addresses, clientPort, peerPort }) => [
      via,
      name,
      client,
      addresses,
      clientPort,
      peerPort,
    ]),
    [['tls', 'api.example.com', '10.0.1.20', ['203.0.113.10'], 49_152, 443]],
  )
})

test('an alert on a packet of the server still names the client', () => {
  const alert = { signature: 'aws:alert_established action' }
  const back = {
    src_ip: '203.0.113.10',
    src_port: 443,
    dest_ip: '10.0.1.20',
    dest_port: 49_152,
    event_type: 'alert',
    alert,
  }
  const tls = { sni: 'api.example.com' }
  const forms = [
    { ...back, tls },
    { ...back, tls, direction: 'to_client', src_port: 60_000, dest_port: 443 },
    { ...back, tls, flow: { src_ip: '10.0.1.20', src_port: 49_152 } },
  ]
  for (const { client } of decode(forms.map(form => record(form))).names) assert.equal(client, '10.0.1.20')
  assert.equal(decode(forms.map(form => record(form))).names.length, 3)
})

test('an outsider that connects to us names nothing of ours', () => {
  const outsider = { src_ip: '203.0.113.10', src_port: 1, dest_ip: '10.0.1.20', dest_port: 8443 }
  const alert = { signature: 'aws:alert_established action' }
  const flow = { src_ip: '203.0.113.10', src_port: 1 }
  const tls = { sni: 'pool.example.com' }
  const seen = decode([
    record({ ...outsider, event_type: 'tls', tls }),
    record({ ...outsider, event_type: 'alert', alert, tls, flow }),
  ])
  assert.deepEqual(
    seen.names.map(({ client }) => client),
    ['203.0.113.10', '203.0.113.10'],
  )
})

test('a name longer than any is a rejected record, and what stands beside it is heard', () => {
  const alert = { action: 'allowed', signature_id: 1, signature: 'ET COINMINER stratum', category: '' }
  for (const length of [254, 1025, 65_535]) {
    const long = { tls: { sni: `${'a'.repeat(length - 4)}.com` }, http: { hostname: 'pool.example.com' } }
    const beside = decode([record({ event_type: 'alert', alert, ...long })])
    assert.deepEqual([beside.alerts[0]?.kind, beside.names[0]?.name], ['mining', 'pool.example.com'])
    assert.match(beside.rejected[0]?.reason ?? '', /a name has \d+ characters, more than a name can have$/)
    const alone = decode([record({ event_type: 'tls', tls: long.tls })])
    assert.deepEqual([alone.names.length, alone.rejected.length], [0, 1])
  }
  const rrname = `${'a'.repeat(300)}.com`
  assert.equal(decode([record({ event_type: 'dns', dns: { rrname } })]).rejected.length, 1)
})

test('a banner longer than a line is told by its beginning', () => {
  const ssh = { client: { proto_version: '2.0', software_version: `chisel-${'x'.repeat(5000)}` } }
  const { names, rejected } = decode([record({ event_type: 'ssh', ssh })])
  assert.deepEqual([names[0]?.name.slice(0, 15), names[0]?.name.length, rejected.length], ['ssh-2.0-chisel-', 253, 0])
})

test('an SSH handshake gives both banners as they went over the wire', () => {
  const ssh = {
    client: { proto_version: 'chisel', software_version: 'v3-client' },
    server: { proto_version: '2.0', software_version: 'OpenSSH_9.2p1' },
  }
  assert.deepEqual(
    decode([record({ event_type: 'ssh', ssh })]).names.map(({ via, name }) => [via, name]),
    [
      ['ssh', 'ssh-chisel-v3-client'],
      ['ssh', 'ssh-2.0-openssh_9.2p1'],
    ],
  )
})

test('a DNS answer links every name of its chain to the addresses', () => {
  const dns = {
    type: 'answer',
    rrname: 'a.example.com',
    rrtype: 'A',
    answers: [
      { rrname: 'a.example.com', rrtype: 'CNAME', rdata: 'b.example.net.' },
      { rrname: 'b.example.net', rrtype: 'A', rdata: '198.51.100.40' },
      { rrname: 'b.example.net', rrtype: 'AAAA', rdata: '2001:DB8::40' },
      { rrname: 'b.example.net', rrtype: 'A', rdata: 'nonsense' },
    ],
  }
  // An answer may stand with the server as its source.
  const back = { src_ip: '203.0.113.53', src_port: 53, dest_ip: '10.0.1.20', dest_port: 40_000, proto: 'UDP' }
  assert.deepEqual(
    decode([record({ ...back, event_type: 'dns', dns })]).names.map(({ name, addresses, client }) => [
      name,
      addresses,
      client,
    ]),
    ['a.example.com', 'b.example.net'].map(name => [name, ['198.51.100.40', '2001:db8::40'], '10.0.1.20']),
  )
})

test('times come as a string, a number or ISO, and the event’s own counts first', () => {
  const tls = { event_type: 'tls', tls: { sni: 'a.example.com' } }
  const { names } = decode([
    record(tls, { event_timestamp: T }),
    record(tls, { event_timestamp: '2026-11-18T11:06:40Z' }),
    record({ ...tls, timestamp: '2026-11-18T11:06:41.999999+0000' }),
  ])
  assert.deepEqual(
    names.map(({ time }) => time - T),
    [0, 0, 1],
  )
})

test('types that say nothing of traffic are passed over', () => {
  const types = ['fileinfo', 'anomaly', 'stats', 'flow']
  assert.deepEqual(decode(types.map(event_type => record({ event_type }))).counts(), decode([]).counts())
})

const deep = `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`
const broken: readonly (readonly [string, string, string])[] = [
  ['what is no JSON', '{"firewall_name":', 'it is no JSON'],
  ['deep JSON', deep, 'it nests more than 32 deep'],
  ['another shape', '[]', 'field ""'],
  ['a missing event', '{"firewall_name":"egress"}', 'field "event"'],
  ['a bad address', record({ src_ip: '10.0.1' }), 'field "event.src_ip": "10.0.1" is no address'],
  ['a bad port', record({ dest_port: '65536' }), 'field "event.dest_port"'],
  ['a port with a sign', record({ dest_port: '-1' }), 'field "event.dest_port"'],
  ['bytes beyond 2^53', record({ event_type: 'netflow', netflow: { ...netflow, bytes: 2 ** 60 } }), 'netflow.bytes'],
  ['no time', record({}, { event_timestamp: 'soon' }), 'field "event_timestamp" is "soon", no time'],
  ['a netflow without figures', record({ event_type: 'netflow' }), 'field "event.netflow" is missing'],
  ['an alert without a rule', record({ event_type: 'alert' }), 'field "event.alert" is missing'],
  ['epoch 0', record({}, { event_timestamp: 0 }), 'no time'],
  ['another firewall', record({}, { firewall_name: 'other' }), 'field "firewall_name" is "other", its stream is'],
  ['a record of 10 MB', record({ extra: 'x'.repeat(10_000_000) }), '1048576 are allowed'],
]
for (const [what, message, reason] of broken)
  test(`decode refuses ${what} and goes on`, () => {
    const good = record({ event_type: 'tls', tls: { sni: 'a.example.com' } })
    const { names, rejected } = decode([good, message, good])
    assert.equal(names.length, 2)
    assert.equal(rejected.length, 1)
    assert.equal(rejected[0]?.position, 'event 1 (id-1)')
    assert.ok(rejected[0].reason.startsWith('Cannot parse firewall record: '))
    assert.ok(rejected[0].reason.includes(reason), rejected[0].reason)
    assert.ok(rejected[0].bytes.length <= 1024)
  })

test('of a key that stands twice the last counts', () => {
  const twice = record({ event_type: 'tls', tls: { sni: 'a.example.com' } }).replace(
    '"dest_port"',
    '"dest_ip":"203.0.113.99","dest_port"',
  )
  assert.deepEqual(decode([twice]).names[0]?.addresses, ['203.0.113.99'])
})

test('lines() reads a file of one record a line', () => {
  const seen = collecting()
  const reader = awsNetworkFirewall.lines({}, seen.sink)
  const line = record({ event_type: 'netflow', netflow })
  for (const byte of Buffer.from(`\uFEFF${line}\r\n\n{}\n${line}`)) reader.push(Uint8Array.of(byte))
  reader.end()
  assert.deepEqual([seen.flows.length, seen.rejected.map(({ position }) => position)], [2, ['line 3']])
})

test('decode accounts for every message and throws nothing', () => {
  const base = record({ event_type: 'dns', dns: { rrname: 'a.example.com' }, netflow, tcp: { tcp_flags: '1b' } })
  const pieces = fc.constantFrom('', '"', '{', '}', ',', '0', '-', 'null', '[]', '\\u0000', 'é')
  const mutated = fc
    .array(fc.tuple(fc.nat(base.length), pieces, fc.nat(4)), { maxLength: 3 })
    .map(edits => edits.reduce((text, [at, piece, drop]) => text.slice(0, at) + piece + text.slice(at + drop), base))
  const shaped = fc.dictionary(
    fc.constantFrom('event_type', 'src_port', 'alert', 'tls', 'dns', 'ssh', 'http', 'netflow', 'tcp', 'flow', 'proto'),
    fc.oneof(fc.constantFrom('alert', 'netflow', 'tls', 'dns', 'ssh'), fc.jsonValue()),
  )
  const message = fc.oneof(
    mutated,
    shaped.map(event => record(event)),
    fc.json(),
    fc.string(),
  )
  fc.assert(
    fc.property(message, text => {
      const { flows, rejected, names } = decode([text])
      assert.ok(flows.length + rejected.length <= 1)
      for (const { name } of names) assert.equal(name, name.toLowerCase())
      for (const { reason } of rejected) assert.ok(reason.startsWith('Cannot parse firewall record: '), reason)
    }),
    { numRuns: 3000 },
  )
})
