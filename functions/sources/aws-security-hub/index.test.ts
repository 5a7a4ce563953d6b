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
