import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import type { CloudEvent } from '../../core/source.ts'
import { collecting } from '../envelopes/sink-fixture.ts'
import { awsGuardDuty } from './index.ts'

const T = 1_795_000_000
const instanceId = 'i-0a1b2c3d4e5f60718'

const connection = {
  connectionDirection: 'OUTBOUND',
  remoteIpDetails: { ipAddressV4: '198.51.100.40' },
  remotePortDetails: { port: 3333 },
  localPortDetails: { port: 40_112 },
  localIpDetails: { ipAddressV4: '10.0.1.20' },
  protocol: 'TCP',
  blocked: false,
}

const finding = {
  id: '1',
  type: 'CryptoCurrency:EC2/BitcoinTool.B',
  title: 'The instance talks to a mining pool.',
  updatedAt: '2026-11-18T11:06:40.000Z',
  resource: { instanceDetails: { instanceId, networkInterfaces: [{ privateIpAddress: '10.0.1.20', vpcId: 'vpc-1' }] } },
  service: { archived: false, action: { networkConnectionAction: connection } },
}

const event = (detail: unknown): CloudEvent => ({
  ...{ id: '1', account: '123456789012', region: 'us-east-1', time: T },
  ...{ source: 'aws.guardduty', type: 'GuardDuty Finding', detail },
})

function decode(detail: unknown) {
  const seen = collecting()
  awsGuardDuty.decode(event(detail), seen.sink)
  return seen
}

test('a mining finding is an alert of its instance', () => {
  assert.deepEqual(decode(finding).alerts, [
    {
      kind: 'mining',
      rule: 'CryptoCurrency:EC2/BitcoinTool.B The instance talks to a mining pool.',
      source: '10.0.1.20',
      sourcePort: 40_112,
      destination: '198.51.100.40',
      destinationPort: 3333,
      protocol: 6,
      blocked: false,
      instance: instanceId,
      firewall: undefined,
      own: 'connection',
      time: T,
    },
  ])
})

test('types tell mining, tunnel and what is context only', () => {
  const kinds = [
    ['CryptoCurrency:Runtime/BitcoinTool.B', 'mining'],
    ['Impact:EC2/BitcoinDomainRequest.Reputation', 'mining'],
    ['Trojan:EC2/DNSDataExfiltration', 'tunnel'],
    ['Execution:Runtime/ReverseShell', 'tunnel'],
    ['Recon:EC2/Portscan', 'other'],
    ['UnauthorizedAccess:EC2/TorClient', 'other'],
    ['Backdoor:EC2/C&CActivity.B', 'other'],
    ['Never:Seen/Before', 'other'],
  ]
  for (const [type, kind] of kinds) assert.equal(decode({ ...finding, type }).alerts[0]?.kind, kind, type)
})

test('what came from outside or may have is not outbound', () => {
  for (const connectionDirection of ['INBOUND', 'UNKNOWN', undefined]) {
    const action = { networkConnectionAction: { ...connection, connectionDirection } }
    const { alerts } = decode({ ...finding, service: { action } })
    assert.deepEqual([alerts[0]?.source, alerts[0]?.destination], ['198.51.100.40', '10.0.1.20'])
  }
  const portProbeDetails = [{ remoteIpDetails: { ipAddressV4: '203.0.113.9' }, localPortDetails: { port: 22 } }]
  const { alerts } = decode({
    ...finding,
    service: { action: { portProbeAction: { portProbeDetails, blocked: true } } },
  })
  assert.deepEqual(
    [alerts[0]?.source, alerts[0]?.destination, alerts[0]?.destinationPort, alerts[0]?.blocked],
    ['203.0.113.9', '10.0.1.20', 22, true],
  )
})

test('only a TCP connection that it calls outbound and a query are the instance’s own doing', () => {
  const ownOf = (action: unknown) =>
    decode({ ...finding, service: { action } }).alerts.map(({ own, name }) => [own, name])
  const none = [[undefined, undefined]]
  assert.deepEqual(ownOf({ networkConnectionAction: connection }), [['connection', undefined]])
  for (const given of [
    { connectionDirection: 'INBOUND' },
    { connectionDirection: 'UNKNOWN' },
    { protocol: 'UDP' },
    { protocol: null },
  ])
    assert.deepEqual(ownOf({ networkConnectionAction: { ...connection, ...given } }), none, JSON.stringify(given))
  const portProbeDetails = [{ remoteIpDetails: { ipAddressV4: '203.0.113.9' } }]
  assert.deepEqual(ownOf({ portProbeAction: { portProbeDetails } }), none)
  assert.deepEqual(ownOf({ dnsRequestAction: { domain: 'Pool.Example.net' } }), [['query', 'pool.example.net']])
  assert.deepEqual(ownOf({ dnsRequestAction: {} }), none)
  assert.deepEqual(ownOf(undefined), none)
})

test('a DNS finding gives the name that the instance asked for', () => {
  const { names, alerts } = decode({
    ...finding,
    service: { action: { dnsRequestAction: { domain: 'Pool.Example.net' } } },
  })
  assert.deepEqual(
    [names[0]?.name, names[0]?.instance, names[0]?.client],
    ['pool.example.net', instanceId, '10.0.1.20'],
  )
  assert.equal(alerts[0]?.destinationPort, 53)
})

test('samples and archived findings say nothing, however the sample is marked', () => {
  const marks = [
    { additionalInfo: { sample: true } },
    { additionalInfo: { sample: 'true' } },
    { additionalInfo: { value: '{"sample":true}', type: 'default' } },
    { additionalInfo: { value: '{"sample":"true","x":1}' } },
    { additionalInfo: { value: '{"sample":tr' } },
    { archived: true },
  ]
  for (const mark of marks)
    assert.deepEqual(decode({ ...finding, service: { ...finding.service, ...mark } }).counts(), {
      ...{ flows: 0, coverage: 0, names: 0, alerts: 0, loads: 0, toolCalls: 0, rejected: 0 },
    })
})

test('a finding that names several instances is an alert for each, once', () => {
  const uids = [instanceId, 'i-0b1b2c3d4e5f60718', instanceId].map(id => `arn:aws:ec2:us-east-1:1:instance/${id}`)
  const resources = [...uids.map(uid => ({ uid })), { uid: 'arn:aws:s3:::logs' }, { uid: 'i-' }, {}]
  const { alerts } = decode({ ...finding, resource: {}, service: { detection: { sequence: { resources } } } })
  assert.deepEqual(
    alerts.map(({ instance }) => instance),
    [instanceId, 'i-0b1b2c3d4e5f60718'],
  )
})

test('each signal of an attack sequence is an alert of its own instance, by its own type', () => {
  const arn = (id: string) => `arn:aws:ec2:us-east-1:123456789012:instance/${id}`
  const [first, second, third] = [instanceId, 'i-0b1b2c3d4e5f60718', 'i-0c1b2c3d4e5f60718']
  const sequence = {
    resources: [first, second, third].map(id => ({ uid: arn(id), resourceType: 'EC2_INSTANCE' })),
    endpoints: [
      { id: 'pool', ip: '198.51.100.40', port: 3333, connection: { direction: 'OUTBOUND' } },
      { id: 'name', domain: 'Pool.Example.net' },
    ],
    signals: [
      { type: 'FINDING', name: 'CryptoCurrency:EC2/BitcoinTool.B', resourceUids: [arn(first)], endpointIds: ['pool'] },
      {
        type: 'FINDING',
        name: 'CryptoCurrency:EC2/BitcoinTool.B!DNS',
        resourceUids: [arn(first)],
        endpointIds: ['name'],
      },
      { type: 'FINDING', name: 'Execution:Runtime/ReverseShell', resourceUids: [arn(second)], lastSeenAt: T - 90 },
      { type: 'CLOUD_TRAIL', name: 'RunInstances', resourceUids: [arn(third)] },
    ],
  }
  const type = 'AttackSequence:EC2/CompromisedInstanceGroup'
  const { alerts } = decode({ ...finding, type, resource: {}, service: { detection: { sequence } } })
  assert.deepEqual(
    alerts.map(({ instance, kind, destination, destinationPort, own, name, time }) => [
      ...[instance, kind, destination, destinationPort, own, name, time],
    ]),
    [
      [first, 'mining', '198.51.100.40', 3333, undefined, undefined, T],
      [first, 'mining', '', 53, 'query', 'pool.example.net', T],
      [second, 'tunnel', '', 0, undefined, undefined, T - 90],
      [third, 'other', '', 0, undefined, undefined, T],
    ],
  )
  assert.equal(alerts[0]?.rule, `CryptoCurrency:EC2/BitcoinTool.B in ${type}`)
})

test('a signal that names no instance is of the only one of its sequence, and of none of several', () => {
  const kinds = (ids: readonly string[]) => {
    const resources = ids.map(id => ({ uid: `arn:aws:ec2:us-east-1:123456789012:instance/${id}` }))
    const signals = [{ name: 'CryptoCurrency:Runtime/BitcoinTool.B', resourceUids: ['container-1'] }]
    const service = { detection: { sequence: { resources, signals } } }
    return decode({ ...finding, type: 'AttackSequence:ECS/CompromisedCluster', resource: {}, service }).alerts.map(
      ({ kind }) => kind,
    )
  }
  assert.deepEqual(kinds([instanceId]), ['mining'])
  assert.deepEqual(kinds([instanceId, 'i-0b1b2c3d4e5f60718']), ['other', 'other'])
})

test('a finding on something that is no instance says nothing', () => {
  assert.equal(decode({ ...finding, resource: { resourceType: 'AccessKey' } }).alerts.length, 0)
})

test('decode throws nothing but InputError', () => {
  const detail = fc.oneof(
    fc.anything(),
    fc.dictionary(fc.constantFrom(...Object.keys(finding)), fc.jsonValue()).map(one => ({ ...finding, ...one })),
    fc
      .dictionary(fc.constantFrom('action', 'detection', 'additionalInfo'), fc.jsonValue())
      .map(service => ({ ...finding, service })),
  )
  fc.assert(
    fc.property(detail, given => {
      try {
        decode(given)
      } catch (thrown) {
        assert.ok(thrown instanceof InputError, String(thrown))
      }
    }),
    { numRuns: 2000 },
  )
})
