import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Finding } from '../core/finding.ts'
import { securityFinding } from './asff.ts'
import { detectionFinding } from './ocsf.ts'
import type { Telling } from './standards.ts'

const telling: Telling = {
  version: '0.1.0',
  provider: 'aws',
  rules: [
    {
      id: 'reverse-tunnel',
      title: 'Reverse tunnel',
      severity: 'critical',
      falsePositives: ['A tunnel of your own'],
      runbook: ['Ask who opened it'],
    },
    {
      id: 'mining-pool',
      title: 'Mining pool',
      severity: 'high',
      falsePositives: ['A node'],
      runbook: ['Look at the load'],
    },
  ],
}

const text = fc.string({ unit: 'binary', maxLength: 1024 })
const finding: fc.Arbitrary<Finding> = fc.record({
  id: fc.stringMatching(/^[0-9a-f]{64}$/),
  at: fc.integer({ min: 0, max: 4_000_000_000_000 }),
  decision: fc.constantFrom('watch', 'alert', 'isolate'),
  score: fc.integer({ min: -100, max: 900 }),
  account: fc.constant('111122223333'),
  region: fc.constantFrom('eu-central-1', 'cn-north-1', 'us-gov-west-1'),
  instance: fc.constant('i-0123456789abcdef0'),
  signals: fc.array(
    fc.record(
      {
        rule: fc.constantFrom('reverse-tunnel', 'mining-pool', 'internal-probing'),
        family: fc.constantFrom('identity', 'shape', 'novelty', 'context', 'host'),
        points: fc.integer({ min: -40, max: 100 }),
        technique: fc.constantFrom('T1572', 'T1496.001', 'T1046', 'T1071.004'),
        peer: fc.constantFrom('203.0.113.9', '2001:db8::9'),
        port: fc.integer({ min: 0, max: 65_535 }),
        protocol: fc.constantFrom(6, 17, 1),
        name: fc.string({ unit: 'binary', maxLength: 255 }),
        first: fc.integer({ min: 0, max: 4_000_000_000 }),
        last: fc.integer({ min: 0, max: 4_000_000_000 }),
        detail: text,
      },
      { requiredKeys: ['rule', 'family', 'points', 'first', 'last', 'detail'] },
    ),
    { maxLength: 60 },
  ),
  peers: fc.constant([]),
  exhibits: fc.constant([]),
  drill: fc.boolean(),
})

function at(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>((inner, key) => (inner instanceof Object ? Reflect.get(inner, key) : undefined), value)
}

/** "Required" at https://schema.ocsf.io/1.3.0/classes/detection_finding with the cloud profile, and in the objects used. */
const OCSF_REQUIRED = [
  'activity_id',
  'category_uid',
  'class_uid',
  'type_uid',
  'time',
  'severity_id',
  'metadata.version',
  'metadata.product.vendor_name',
  'metadata.product.name',
  'finding_info.uid',
  'finding_info.title',
  'cloud.provider',
  'remediation.desc',
]

test('detectionFinding() has every field that OCSF requires, whatever the finding', () => {
  fc.assert(
    fc.property(finding, fc.constantFrom('create', 'update', 'close'), (one, activity) => {
      assert.ok(Finding.safeParse(one).success)
      const told = detectionFinding(one, telling, activity)
      for (const path of OCSF_REQUIRED) assert.match(String(at(told, path) ?? ''), /\S/, path)
      assert.equal(told.type_uid, told.class_uid * 100 + told.activity_id)
      for (const { technique } of told.finding_info.attacks) assert.match(technique.uid, /^T\d{4}$/)
      for (const evidence of told.evidences) assert.ok(evidence.data.rule)
      for (const { connection_info } of told.evidences)
        if (connection_info) assert.equal(connection_info.direction_id, 2)
      assert.deepEqual(JSON.parse(JSON.stringify(told)), told)
    }),
  )
})

/** https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html */
const ASFF_REQUIRED = [
  'AwsAccountId',
  'CreatedAt',
  'Description',
  'GeneratorId',
  'Id',
  'ProductArn',
  'Resources.0.Id',
  'Resources.0.Type',
  'SchemaVersion',
  'Severity.Label',
  'Title',
  'Types.0',
  'UpdatedAt',
]
const LIMITS: Readonly<Record<string, number>> = {
  Id: 512,
  Title: 256,
  Description: 1024,
  GeneratorId: 512,
  'Network.DestinationDomain': 128,
  'Remediation.Recommendation.Text': 512,
}

test('securityFinding() has every attribute that ASFF requires and keeps its limits, whatever the finding', () => {
  fc.assert(
    fc.property(finding, one => {
      const told = securityFinding(one, telling)
      for (const path of ASFF_REQUIRED) assert.match(String(at(told, path)), /\S/, path)
      for (const [path, most] of Object.entries(LIMITS)) assert.ok(String(at(told, path) ?? '').length <= most, path)
      for (const type of told.Types) assert.match(type, /^(TTPs|Effects|Unusual Behaviors)\/[A-Za-z ]+\/[A-Za-z ]+$/)
      assert.match(told.CreatedAt, /^\d{4}-\d{2}-\d{2}T[\d:.]+Z$/)
      assert.match(told.Severity.Label, /^(LOW|MEDIUM|HIGH|CRITICAL)$/)
      const fields = Object.entries(told.ProductFields)
      assert.ok(fields.length <= 50)
      for (const [key, value] of fields) assert.ok(key.length <= 128 && value.length <= 2048)
      assert.ok(told.Types.length <= 50)
    }),
  )
})

test('both say which rule saw what and what it would take to be benign', () => {
  const one: Finding = {
    id: 'a'.repeat(64),
    at: 1_800_000_000_000,
    decision: 'isolate',
    score: 120,
    account: '111122223333',
    region: 'cn-north-1',
    instance: 'i-0123456789abcdef0',
    signals: [
      {
        rule: 'reverse-tunnel',
        family: 'shape',
        points: 45,
        technique: 'T1572',
        peer: '2001:db8::9',
        port: 22,
        protocol: 6,
        first: 1_799_999_000,
        last: 1_799_999_900,
        detail: 'Driven from outside',
      },
      {
        rule: 'mining-pool',
        family: 'identity',
        points: 100,
        technique: 'T1496.001',
        peer: '203.0.113.7',
        port: 3333,
        protocol: 6,
        name: 'pool.example.net',
        first: 1_799_999_100,
        last: 1_799_999_960,
        detail: 'Connected to a pool',
      },
    ],
    peers: [],
    exhibits: [],
    drill: true,
  }
  const ocsf = detectionFinding(one, telling)
  assert.equal(ocsf.message, 'Drill: Mining pool and reverse tunnel on i-0123456789abcdef0')
  assert.match(
    ocsf.finding_info.desc,
    /\+45 Driven from outside; \+100 Connected to a pool\. Benign if: A node; A tunnel of your own/,
  )
  assert.deepEqual(ocsf.finding_info.attacks, [
    { technique: { uid: 'T1572' } },
    { technique: { uid: 'T1496' }, sub_technique: { uid: 'T1496.001' } },
  ])
  assert.equal(ocsf.severity_id, 5)
  assert.equal(ocsf.start_time, 1_799_999_000_000)
  const asff = securityFinding(one, telling)
  assert.equal(asff.Resources[0]?.Id, 'arn:aws-cn:ec2:cn-north-1:111122223333:instance/i-0123456789abcdef0')
  assert.deepEqual(asff.Network, {
    Direction: 'OUT',
    DestinationIpV4: '203.0.113.7',
    DestinationPort: 3333,
    Protocol: 'TCP',
    DestinationDomain: 'pool.example.net',
  })
  assert.deepEqual(asff.Types, ['TTPs/Command and Control/Reverse tunnel', 'Effects/Resource Consumption/Mining'])
  assert.match(asff.Description, /Benign if/)
})
