import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import { collecting } from '../envelopes/sink-fixture.ts'
import { awsSecurityHub } from './index.ts'

const instance = 'i-0a1b2c3d4e5f60718'
const finding = {
  Types: ['TTPs/Command and Control/CryptoCurrency:EC2-BitcoinTool.B'],
  Title: 'The instance talks to a mining pool.',
  UpdatedAt: '2026-11-18T11:06:40Z',
  RecordState: 'ACTIVE',
  Workflow: { Status: 'NEW' },
  Resources: [
    { Type: 'AwsEc2Instance', Id: `arn:aws:ec2:us-east-1:123456789012:instance/${instance}` },
    { Type: 'AwsEc2Instance', Id: 'arn:aws:ec2:us-east-1:123456789012:instance/i-0b1b2c3d4e5f60718' },
    { Type: 'AwsAccount', Id: 'AWS::::Account:123456789012' },
  ],
  Network: { SourceIpV4: '10.0.1.20', SourcePort: 40_112, DestinationIpV4: '198.51.100.40', DestinationPort: 3333 },
}

function decode(findings: unknown) {
  const seen = collecting()
  const detail = { findings }
  const bus = { source: 'aws.securityhub', type: 'Security Hub Findings - Imported', time: 1_795_000_000 }
  awsSecurityHub.decode({ id: '1', account: '123456789012', region: 'us-east-1', ...bus, detail }, seen.sink)
  return seen
}

test('a finding is an alert for each instance, and its type the product’s own', () => {
  assert.deepEqual(
    decode([finding]).alerts.map(({ kind, rule, instance: of, destination, destinationPort, time }) => [
      ...[kind, rule, of, destination, destinationPort, time],
    ]),
    [instance, 'i-0b1b2c3d4e5f60718'].map(of => [
      ...['mining', 'CryptoCurrency:EC2/BitcoinTool.B The instance talks to a mining pool.', of],
      ...['198.51.100.40', 3333, 1_795_000_000],
    ]),
  )
})

const guardDuty = {
  ...finding,
  ProductArn: 'arn:aws:securityhub:us-east-1::product/aws/guardduty',
  Resources: finding.Resources.slice(0, 1),
  Network: undefined,
}
const connection = {
  ConnectionDirection: 'OUT',
  RemoteIpDetails: { IpAddressV4: '198.51.100.40' },
  RemotePortDetails: { Port: 3333 },
  LocalPortDetails: { Port: 40_112 },
  Protocol: 'TCP',
  Blocked: false,
}

test('GuardDuty’s action names the peer and says what the instance did itself', () => {
  const [outbound] = decode([{ ...guardDuty, Action: { NetworkConnectionAction: connection } }]).alerts
  assert.deepEqual(
    [outbound?.source, outbound?.destination, outbound?.destinationPort, outbound?.own],
    ['', '198.51.100.40', 3333, 'connection'],
  )
  const { alerts, names } = decode([{ ...guardDuty, Action: { DnsRequestAction: { Domain: 'Pool.Example.net' } } }])
  assert.deepEqual([alerts[0]?.own, alerts[0]?.name], ['query', 'pool.example.net'])
  assert.deepEqual([names[0]?.name, names[0]?.instance], ['pool.example.net', instance])
  const inbound = { NetworkConnectionAction: { ...connection, ConnectionDirection: 'IN' } }
  const [received] = decode([{ ...guardDuty, Action: inbound }]).alerts
  assert.deepEqual([received?.source, received?.destinationPort, received?.own], ['198.51.100.40', 40_112, undefined])
})

test('each signal of an attack sequence is an alert of its own instance, by its own type', () => {
  const [first, second] = finding.Resources.map(({ Id }) => Id)
  const Sequence = {
    Endpoints: [{ Id: 'pool', Ip: '198.51.100.40', Port: 3333, Connection: { Direction: 'OUTBOUND' } }],
    Signals: [
      { Type: 'FINDING', Name: 'CryptoCurrency:EC2/BitcoinTool.B', ResourceIds: [first], EndpointIds: ['pool'] },
      { Type: 'FINDING', Name: 'Recon:EC2/Portscan', ResourceIds: [second] },
    ],
  }
  const Types = ['TTPs/AttackSequence:EC2-CompromisedInstanceGroup']
  assert.deepEqual(
    decode([{ ...finding, Types, Detection: { Sequence } }]).alerts.map(({ instance: of, kind, destination, own }) => [
      ...[of, kind, destination, own],
    ]),
    [
      [instance, 'mining', '198.51.100.40', undefined],
      ['i-0b1b2c3d4e5f60718', 'other', '', undefined],
    ],
  )
})

test('what another product says, what is said of several instances and what is no TCP is nobody’s own doing', () => {
  const Action = { NetworkConnectionAction: connection }
  for (const given of [
    { ProductArn: 'arn:aws:securityhub:us-east-1:123456789012:product/123456789012/default' },
    { ProductArn: undefined },
    { Resources: finding.Resources },
    { Action: { NetworkConnectionAction: { ...connection, Protocol: 'UDP' } } },
    { Action: { PortProbeAction: { PortProbeDetails: [connection] } } },
  ])
    for (const { own } of decode([{ ...guardDuty, Action, ...given }]).alerts)
      assert.equal(own, undefined, JSON.stringify(given))
})

test('a finding that cannot be read is rejected and the others stand', () => {
  const { alerts, rejected } = decode([finding, { Title: 'x' }, finding])
  assert.equal(alerts.length, 4)
  assert.deepEqual(
    rejected.map(({ position }) => position),
    ['finding 1'],
  )
})

test('samples, archived and settled findings say nothing', () => {
  const marks = [
    { Sample: true },
    { ProductFields: { 'aws/guardduty/service/additionalInfo/sample': 'true' } },
    { RecordState: 'ARCHIVED' },
    { Workflow: { Status: 'SUPPRESSED' } },
    { Workflow: { Status: 'RESOLVED' } },
  ]
  for (const mark of marks) assert.equal(decode([{ ...finding, ...mark }]).alerts.length, 0)
})

test('decode throws nothing but InputError', () => {
  const findings = fc.oneof(
    fc.anything(),
    fc.array(
      fc.dictionary(fc.constantFrom(...Object.keys(finding)), fc.jsonValue()).map(one => ({ ...finding, ...one })),
    ),
  )
  fc.assert(
    fc.property(findings, given => {
      try {
        decode(given)
      } catch (thrown) {
        assert.ok(thrown instanceof InputError, String(thrown))
      }
    }),
    { numRuns: 1000 },
  )
})
