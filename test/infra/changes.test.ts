import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { changePatterns } from '../../functions/clouds/aws/changes/patterns.ts'
import type { ChangeSettings } from '../../functions/clouds/aws/changes/read-change.ts'
import { subjectsOf } from '../../functions/clouds/aws/changes/subjects.ts'
import { WATCHED } from '../../functions/clouds/aws/changes/table.ts'
import type { Change } from '../../functions/core/change.ts'
import { InputError } from '../../functions/core/errors.ts'
import { startedBy } from '../../functions/entry/aws/changes.ts'
import { matchesPattern } from '../../functions/sandbox/event-patterns.ts'

const EVENTS = new URL('../../events/', import.meta.url)
const ACCOUNT = '111122223333'

const settings: ChangeSettings = {
  ownRoles: ['AROAEXAMPLE0RESPOND0'],
  deployers: [`arn:aws:iam::${ACCOUNT}:role/deploy`],
  ours: ['firebreak-ledger', 'firebreak-orders.fifo', '/firebreak/flow'],
}

const read = (file: string): unknown => JSON.parse(readFileSync(new URL(`${file}.change.json`, EVENTS), 'utf8'))

function changeIn(event: unknown): Change {
  const change = startedBy(event, settings, ACCOUNT)
  assert.ok(change !== 'schedule')
  return change
}

interface Expected {
  readonly rule: string
  readonly action: string
  readonly author: Change['author']
  readonly touches: readonly string[]
  readonly subject: string
  readonly guard?: string
  readonly refused?: string
  readonly tagKeys?: readonly string[]
}

const instance = 'i-0c3d4e5f60718293a'
const cut = { author: 'other', touches: ['cut'] } as const
const guarding = { author: 'other', touches: [] } as const

/** Every sample of an event that tells of a change, and what is read of it. */
const samples: Readonly<Record<string, Expected>> = {
  'aws-cloudtrail/swap-back': {
    ...cut,
    rule: 'ec2',
    action: 'ModifyNetworkInterfaceAttribute',
    subject: 'eni-0d4e5f60718293a4b',
  },
  'aws-cloudtrail/own-swap': {
    ...cut,
    rule: 'ec2',
    action: 'ModifyNetworkInterfaceAttribute',
    author: 'own',
    subject: 'eni-0d4e5f60718293a4b',
  },
  'aws-cloudtrail/attach-interface': { ...cut, rule: 'ec2', action: 'AttachNetworkInterface', subject: instance },
  'aws-cloudtrail/metadata-options': {
    ...cut,
    rule: 'ec2',
    action: 'ModifyInstanceMetadataOptions',
    subject: instance,
  },
  'aws-cloudtrail/acl-entry': {
    ...cut,
    rule: 'ec2',
    action: 'DeleteNetworkAclEntry',
    subject: 'acl-0a4b5c6d7e8f90123',
  },
  'aws-cloudtrail/acl-association': {
    rule: 'ec2',
    action: 'ReplaceNetworkAclAssociation',
    author: 'other',
    touches: ['every'],
    subject: 'acl-0c6d7e8f901234567',
  },
  'aws-cloudtrail/quarantine-rule': {
    rule: 'ec2',
    action: 'AuthorizeSecurityGroupIngress',
    author: 'other',
    touches: ['cut', 'rules'],
    subject: 'sg-0e5f60718293a4b5c',
  },
  'aws-cloudtrail/tags': {
    rule: 'ec2',
    action: 'DeleteTags',
    author: 'other',
    touches: ['tags'],
    subject: instance,
    tagKeys: ['firebreak:scope'],
  },
  'aws-cloudtrail/run-instances': {
    rule: 'ec2',
    action: 'RunInstances',
    author: 'other',
    touches: ['fleet'],
    subject: 'i-00123456789abcdef',
  },
  'aws-cloudtrail/terminate-refused': {
    rule: 'ec2',
    action: 'TerminateInstances',
    author: 'other',
    touches: ['cut', 'fleet'],
    subject: instance,
    refused: 'Client.OperationNotPermitted',
  },
  'aws-cloudtrail/delete-flow-logs': {
    ...guarding,
    rule: 'ec2',
    action: 'DeleteFlowLogs',
    subject: 'fl-01123456789abcdef',
    guard: 'fl-01123456789abcdef',
  },
  'aws-cloudtrail/create-flow-logs': {
    ...guarding,
    rule: 'ec2',
    action: 'CreateFlowLogs',
    subject: 'REJECT',
    guard: '/firebreak/flow',
  },
  'aws-cloudtrail/delete-subscription': {
    ...guarding,
    rule: 'logs',
    action: 'DeleteSubscriptionFilter',
    subject: '/firebreak/flow',
    guard: '/firebreak/flow',
  },
  'aws-cloudtrail/update-function': {
    ...guarding,
    rule: 'lambda',
    action: 'UpdateFunctionCode',
    subject: 'firebreak-verify',
    guard: 'firebreak-verify',
  },
  'aws-cloudtrail/deployed-function': {
    rule: 'lambda',
    action: 'UpdateFunctionConfiguration',
    author: 'deployer',
    touches: [],
    subject: 'firebreak-verify',
    guard: 'firebreak-verify',
  },
  'aws-cloudtrail/mapping': {
    ...guarding,
    rule: 'lambda',
    action: 'UpdateEventSourceMapping',
    subject: 'Disabling',
    guard: 'arn:aws:sqs:eu-west-1:111122223333:firebreak-orders.fifo',
  },
  'aws-cloudtrail/foreign-function': {
    ...guarding,
    rule: 'lambda',
    action: 'UpdateFunctionCode',
    subject: 'thumbnails',
  },
  'aws-cloudtrail/purge-queue': {
    ...guarding,
    rule: 'sqs',
    action: 'PurgeQueue',
    subject: 'https://sqs.eu-west-1.amazonaws.com/111122223333/firebreak-orders.fifo',
    guard: 'https://sqs.eu-west-1.amazonaws.com/111122223333/firebreak-orders.fifo',
  },
  'aws-cloudtrail/delete-table': {
    ...guarding,
    rule: 'dynamodb',
    action: 'DeleteTable',
    subject: 'firebreak-ledger',
    guard: 'firebreak-ledger',
    refused: 'ValidationException',
  },
  'aws-cloudtrail/disable-rule': {
    ...guarding,
    rule: 'events',
    action: 'DisableRule',
    subject: 'default',
    guard: 'firebreak-VerifyEventsRuleSchedule1-0A1B2C3D4E5F',
  },
  'aws-cloudtrail/role-policy': {
    ...cut,
    rule: 'iam',
    action: 'DeleteRolePolicy',
    subject: 'agents-worker',
    guard: 'firebreak-fb-0123456789abcdef',
  },
  'aws-cloudtrail/stop-logging': {
    ...guarding,
    rule: 'cloudtrail',
    action: 'StopLogging',
    subject: 'arn:aws:cloudtrail:eu-west-1:111122223333:trail/management',
    guard: 'arn:aws:cloudtrail:eu-west-1:111122223333:trail/management',
  },
  'aws-cloudtrail/delete-alarms': {
    ...guarding,
    rule: 'monitoring',
    action: 'DeleteAlarms',
    subject: 'firebreak-verify-silent',
    guard: 'firebreak-verify-silent',
  },
  'aws-ec2/stopped': {
    rule: 'states',
    action: 'Instance stopped',
    author: 'cloud',
    touches: ['cut', 'fleet'],
    subject: instance,
  },
  'aws-ec2/snapshot': {
    rule: 'snapshots',
    action: 'createSnapshot failed',
    author: 'cloud',
    touches: ['cut'],
    subject: 'snap-0123456789abcdef0',
  },
  'aws-ec2/snapshots': {
    rule: 'snapshots',
    action: 'createSnapshots succeeded',
    author: 'cloud',
    touches: ['cut'],
    subject: 'snap-0123456789abcdef1',
  },
}

test('every sample of a change is in the table', () => {
  const found = readdirSync(EVENTS, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.change.json'))
  assert.deepEqual(
    found.toSorted(),
    Object.keys(samples)
      .map(name => `${name}.change.json`)
      .toSorted(),
  )
})

for (const [name, { rule, subject, tagKeys = [], ...expected }] of Object.entries(samples))
  test(`the change ${name} is brought by one rule of the bus and read`, () => {
    const event = read(name)
    const bringing = Object.entries(changePatterns).filter(([, pattern]) => matchesPattern(pattern, event))
    assert.deepEqual(
      bringing.map(([one]) => one),
      [rule],
    )
    const { subjects, tagKeys: keys, id, at, by, ...change } = changeIn(event)
    assert.deepEqual(change, expected)
    assert.ok(subjects.includes(subject), subjects.join())
    assert.deepEqual(keys, tagKeys)
    assert.equal(at, Date.UTC(2026, 10, 24, 10, 17, 42))
    assert.match(id, /^[0-9a-f-]{36}$/)
    assert.equal(by === undefined, expected.author === 'cloud')
  })

test('what the rules of the bus bring is read, call by call, and what they do not bring is not', () => {
  const event = structuredClone(read('aws-cloudtrail/swap-back'))
  assert.ok(typeof event === 'object' && event !== null && 'detail' in event && typeof event.detail === 'object')
  for (const { service, calls } of WATCHED)
    for (const name of [...calls, ...calls.map(call => `${call}20150331v2`)]) {
      const detail = { ...event.detail, eventSource: service, eventName: name }
      const told: object = { ...event, detail }
      assert.equal(Object.values(changePatterns).filter(pattern => matchesPattern(pattern, told)).length, 1, name)
      assert.ok(changeIn(told).action === name.replace('20150331v2', ''), name)
    }
  for (const [service, name] of [
    ['ec2.amazonaws.com', 'DescribeInstances'],
    ['s3.amazonaws.com', 'ModifyInstanceAttribute'],
  ] as const) {
    const told: object = { ...event, detail: { ...event.detail, eventSource: service, eventName: name } }
    assert.ok(!Object.values(changePatterns).some(pattern => matchesPattern(pattern, told)), name)
    assert.throws(() => startedBy(told, settings, ACCOUNT), InputError)
  }
})

test('the schedule, and a person, say nothing and start a whole run', () => {
  for (const event of [
    {},
    null,
    'x',
    7,
    { 'detail-type': 'Scheduled Event', ...bare('aws.events', 'Scheduled Event') },
  ])
    assert.equal(startedBy(event, settings, ACCOUNT), 'schedule')
})

function bare(source: string, type: string, detail: unknown = {}): object {
  return {
    version: '0',
    id: 'e-1',
    'detail-type': type,
    source,
    account: ACCOUNT,
    time: '2026-11-24T10:17:42Z',
    region: 'eu-west-1',
    resources: [],
    detail,
  }
}

test('an event that is of another account, of an unknown type or broken is refused with its reason, whatever is wrong with it', () => {
  const call = 'AWS API Call via CloudTrail'
  const broken: unknown[] = [
    { ...bare('aws.ec2', call), account: '444455556666' },
    bare('aws.health', 'AWS Health Event'),
    bare('aws.ec2', call),
    bare('aws.ec2', call, null),
    bare('aws.ec2', call, { eventID: 7, eventSource: 'ec2.amazonaws.com', eventName: 'RunInstances' }),
    bare('aws.ec2', call, { eventID: 'x'.repeat(1000), eventSource: 'ec2.amazonaws.com', eventName: 'RunInstances' }),
    bare('aws.ec2', 'EC2 Instance State-change Notification', { 'instance-id': 'i-1', state: 'dancing' }),
    bare('aws.ec2', 'EBS Snapshot Notification', { event: 'lockSnapshot', result: 'succeeded' }),
    { 'detail-type': call },
  ]
  for (const event of broken)
    assert.throws(() => startedBy(event, settings, ACCOUNT), InputError, JSON.stringify(event).slice(0, 200))
})

test('a call without an identity, parameters or an answer is by somebody else and about nothing', () => {
  const detail = { eventID: 'e-2', eventSource: 'ec2.amazonaws.com', eventName: 'RunInstances' }
  const { author, subjects, by } = changeIn(bare('aws.ec2', 'AWS API Call via CloudTrail', detail))
  assert.deepEqual({ author, subjects, by }, { author: 'other', subjects: [], by: undefined })
})

test('who calls by the name of one of our roles and has another id is somebody else', () => {
  const event = JSON.parse(
    JSON.stringify(read('aws-cloudtrail/own-swap')).replaceAll('AROAEXAMPLE0RESPOND0', 'AROAFORGED0000000000'),
  )
  assert.equal(changeIn(event).author, 'other')
})

test('subjectsOf() reads what is deep, wide or endless only so far', () => {
  let deep: unknown = 'i-deep'
  for (let depth = 0; depth < 10_000; depth++) deep = { deep }
  assert.deepEqual(subjectsOf(deep), [])
  const wide = Array.from({ length: 100_000 }, (_, index) => `i-${index}`)
  assert.equal(subjectsOf({ wide }).length, 1000)
  assert.deepEqual(subjectsOf({ text: 'x'.repeat(513), empty: '', one: 1, none: null, id: 'i-1' }), ['i-1'])
})
