import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import type { CloudEvent } from '../../core/source.ts'
import { batchOf, collecting } from '../envelopes/sink-fixture.ts'
import { awsDnsFirewall, awsResolver } from './index.ts'

const T = 1_795_000_000

const query = {
  version: '1.100000',
  account_id: '123456789012',
  region: 'us-east-1',
  vpc_id: 'vpc-0a1b2c3d4e5f60718',
  query_timestamp: '2026-11-18T11:06:40Z',
  query_name: 'Pool.Example.net.',
  query_type: 'A',
  rcode: 'NOERROR',
  answers: [
    { Rdata: 'eu.pool.example.org.', Type: 'CNAME', Class: 'IN' },
    { Rdata: 'edge.example.com.', Type: 'CNAME', Class: 'IN' },
    { Rdata: '198.51.100.40', Type: 'A', Class: 'IN' },
    { Rdata: 'not an address', Type: 'A', Class: 'IN' },
    { Rdata: '2001:DB8:0:0::40', Type: 'AAAA', Class: 'IN' },
  ],
  srcaddr: '10.0.1.20',
  srcport: '53124',
  transport: 'UDP',
  srcids: { instance: 'i-0a1b2c3d4e5f60718' },
}

function decode(messages: readonly unknown[]) {
  const seen = collecting()
  const texts = messages.map(message => (typeof message === 'string' ? message : JSON.stringify(message)))
  awsResolver.open({})(batchOf(texts, { stream: 'vpc-0a1b2c3d4e5f60718' }), seen.sink)
  return seen
}

test('a query names what was asked for and each name behind it, with the addresses', () => {
  assert.deepEqual(
    decode([query]).names,
    ['pool.example.net', 'eu.pool.example.org', 'edge.example.com'].map(name => ({
      via: 'dns',
      name,
      addresses: ['198.51.100.40', '2001:db8::40'],
      client: '10.0.1.20',
      clientPort: 53_124,
      peerPort: 53,
      instance: 'i-0a1b2c3d4e5f60718',
      vpc: 'vpc-0a1b2c3d4e5f60718',
      firewall: undefined,
      time: T,
    })),
  )
})

test('a chain without end is cut at sixteen names', () => {
  const answers = Array.from({ length: 400 }, (_, n) => ({ Rdata: `n${n}.example.com.`, Type: 'CNAME' }))
  assert.equal(decode([{ ...query, answers }]).names.length, 16)
})

test('what DNS Firewall did stands as an alert beside the name', () => {
  const { alerts, names } = decode([
    { ...query, answers: [], firewall_rule_action: 'BLOCK', firewall_domain_list_id: 'rslvr-fdl-1' },
  ])
  assert.equal(names.length, 1)
  assert.deepEqual(
    alerts.map(({ rule, blocked, source, destination, instance }) => [rule, blocked, source, destination, instance]),
    [['dns-firewall rslvr-fdl-1', true, '10.0.1.20', '', 'i-0a1b2c3d4e5f60718']],
  )
})

test('what cannot be read is rejected with its reason and the rest goes on', () => {
  const { names, rejected } = decode([
    query,
    '{',
    { ...query, srcaddr: 'x' },
    { ...query, query_name: '.' },
    { ...query, query_timestamp: 0 },
    { ...query, query_name: 'a'.repeat(1020) },
    { ...query, answers: {} },
    { ...query, answers: [{ Rdata: 'x'.repeat(20_000), Type: 'TXT' }] },
  ])
  assert.equal(names.length, 4)
  assert.deepEqual(
    rejected.map(({ position }) => position),
    [1, 2, 3, 4, 5, 6].map(index => `event ${index} (id-${index})`),
  )
  assert.match(rejected[1]?.reason ?? '', /^Cannot parse resolver query: field "srcaddr": "x" is no address$/)
})

test('a name of escaped octets is as long as its octets, and its end is kept', () => {
  // Route 53 writes an octet that is no letter as a backslash and three digits; a tunnel of raw octets is made of them.
  const label = '\\237'.repeat(60)
  const { names, rejected } = decode([
    { ...query, query_name: `${label}.${label}.${label}.t.example.net.`, answers: [] },
  ])
  assert.deepEqual(rejected, [])
  assert.equal(names[0]?.name.length, 255)
  assert.ok(names[0]?.name.endsWith('237.t.example.net'))
})

test('a name of more octets than RFC 1035 allows is rejected: no resolver can have been asked for it', () => {
  const asked = (octets: number) => `${'a'.repeat(octets - 4)}.net`
  assert.equal(decode([{ ...query, query_name: asked(253), answers: [] }]).names[0]?.name.length, 253)
  assert.equal(decode([{ ...query, query_name: `${asked(253)}.`, answers: [] }]).names.length, 1)
  for (const octets of [254, 1012, 5000]) {
    const { names, rejected } = decode([{ ...query, query_name: asked(octets), firewall_rule_action: 'BLOCK' }])
    assert.deepEqual([names.length, rejected.length], [0, 1])
    assert.match(rejected[0]?.reason ?? '', /^Cannot parse resolver query: /)
  }
})

test('a DNS Firewall event of the bus is a name and an alert, and one of another shape an InputError', () => {
  const event: CloudEvent = {
    id: '1',
    account: '123456789012',
    region: 'us-east-1',
    source: 'aws.route53resolver',
    type: 'DNS Firewall Alert',
    time: T,
    detail: {
      'query-name': 'watched.example.net.',
      'firewall-rule-action': 'ALERT',
      'src-addr': '10.0.1.20',
      'src-port': '53124',
      resources: [{ 'resource-type': 'instance', 'instance-details': { id: 'i-0a1b2c3d4e5f60718' } }],
    },
  }
  const seen = collecting()
  assert.ok(awsDnsFirewall.takes(event))
  awsDnsFirewall.decode(event, seen.sink)
  assert.deepEqual(
    [seen.names[0]?.instance, seen.names[0]?.time, seen.alerts[0]?.blocked],
    ['i-0a1b2c3d4e5f60718', T, false],
  )
  assert.throws(() => awsDnsFirewall.decode({ ...event, detail: {} }, seen.sink), InputError)
  assert.ok(!awsDnsFirewall.takes({ ...event, source: 'aws.ec2' }))
})

test('decode accounts for every message and throws nothing', () => {
  const base = JSON.stringify(query)
  const pieces = fc.constantFrom('', '"', '{', ',', '0', '-', 'null', '\\u0000', 'é')
  const mutated = fc
    .array(fc.tuple(fc.nat(base.length), pieces, fc.nat(4)), { maxLength: 3 })
    .map(edits => edits.reduce((text, [at, piece, drop]) => text.slice(0, at) + piece + text.slice(at + drop), base))
  const shaped = fc.dictionary(fc.constantFrom(...Object.keys(query)), fc.jsonValue())
  fc.assert(
    fc.property(
      fc.oneof(
        mutated,
        shaped.map(one => JSON.stringify({ ...query, ...one })),
        fc.json(),
      ),
      message => {
        const { names, rejected } = decode([message])
        assert.ok(names.length > 0 !== rejected.length > 0)
      },
    ),
    { numRuns: 2000 },
  )
})
