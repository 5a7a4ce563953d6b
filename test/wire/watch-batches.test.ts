import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  created,
  firehoseArn,
  firehoseEvent,
  kinesisArn,
  kinesisEvent,
  noticeOf,
  queued,
  REGION,
} from './watch-envelope-events.ts'
import { INSTANCE, OTHER, sample, stageWatch } from './watch-stage.ts'

const GROUP = '/firebreak/flow-logs'
const FOREIGN = `arn:aws:kinesis:${REGION}:999999999999:stream/flows`

const CONFIGURATION = {
  logGroups: { [GROUP]: { source: 'aws-vpc-flow' } },
  streams: {
    [kinesisArn('flows')]: { source: 'aws-vpc-flow' },
    [firehoseArn('flows')]: { source: 'aws-vpc-flow' },
    [kinesisArn('subscriptions')]: {},
    [FOREIGN]: { source: 'aws-vpc-flow' },
  },
}

const stage = await stageWatch(CONFIGURATION)
after(() => stage.close())
beforeEach(() => stage.forget(INSTANCE, OTHER))

const line = (port: number) =>
  `2 123456789012 eni-0a1b2c3d4e5f60718 10.0.1.20 203.0.113.10 ${port} 443 6 18 4410 1795000000 1795000059 ACCEPT OK`

function payload(over: Readonly<Record<string, unknown>> = {}): Uint8Array {
  const message = {
    messageType: 'DATA_MESSAGE',
    owner: '123456789012',
    logGroup: GROUP,
    logStream: 'eni-0a1b2c3d4e5f60718-all',
    subscriptionFilters: ['firebreak'],
    logEvents: [{ id: '1', timestamp: 1_795_000_000_000, message: line(40_000) }],
    ...over,
  }
  return gzipSync(JSON.stringify(message))
}

const isKnown = async () => (await stage.known(INSTANCE)) !== undefined

/** A stage of its own, whose ledger refuses everything from now on. */
async function withoutLedger(run: (broken: typeof stage) => Promise<void>): Promise<void> {
  const broken = await stageWatch(CONFIGURATION)
  broken.sandbox.fault('dynamodb', '*', 1_000_000, 'throttle')
  try {
    await run(broken)
  } finally {
    await broken.close()
  }
}

test('of a stream, records that fail come again by their sequence numbers, and those that cannot be read do not', () =>
  withoutLedger(async broken => {
    const event = kinesisEvent('flows', payload(), Buffer.from([0x1f, 0x8b, 1, 2]), line(1), line(2))
    assert.deepEqual(await broken.watch(event), {
      batchItemFailures: [{ itemIdentifier: '1000' }, { itemIdentifier: '1002' }],
    })
    assert.deepEqual(
      (await broken.letters()).map(({ source, position }) => [source, position]),
      [['kinesis', 'record shardId-000000000006:1001']],
    )
  }))

test('Firehose goes on without a ledger too, and what could not be judged is kept as dead letters', () =>
  withoutLedger(async broken => {
    const event = firehoseEvent('flows', payload(), line(1), line(2))
    const records = event.records.map(({ recordId, data }) => ({ recordId, data, result: 'Ok' }))
    assert.deepEqual(await broken.watch(event), { records })
    const letters = await broken.letters()
    assert.deepEqual(
      letters.map(({ source, position }) => [source, position]),
      [
        ['firehose', 'record r0'],
        ['firehose', 'record r1'],
      ],
    )
    for (const { reason } of letters) assert.match(reason, /every try failed/)
  }))

test('a stream that is not configured, is of another account, or brought lines without a source is a dead letter', async () => {
  const foreign = kinesisEvent('flows', line(1))
  for (const record of foreign.Records) record.eventSourceARN = FOREIGN
  const events = [kinesisEvent('unknown', line(1)), foreign, kinesisEvent('subscriptions', line(1))]
  for (const event of events) assert.deepEqual(await stage.watch(event), { batchItemFailures: [] })
  const letters = await stage.letters()
  const reasons = [/stream\/unknown" is not configured/, /of account "999999999999"/, /has no source/]
  for (const [index, reason] of reasons.entries()) assert.match(letters[index]?.reason ?? '', reason)
  assert.equal(letters.length, events.length)
  assert.equal(await isKnown(), false)
})

test('a subscription in a stream is held to its account and group as one that comes by itself', async () => {
  const event = kinesisEvent('subscriptions', payload({ owner: '999999999999' }), payload({ logGroup: '/other' }))
  assert.deepEqual(await stage.watch(event), { batchItemFailures: [] })
  const letters = await stage.letters()
  assert.match(letters[0]?.reason ?? '', /of account "999999999999", not 123456789012/)
  assert.match(letters[1]?.reason ?? '', /log group "\/other" is not configured/)
  assert.equal(await isKnown(), false)
})

test('Firehose gets each record back as it came, those too that cannot be read', async () => {
  const event = firehoseEvent('flows', line(1), Buffer.from([0x1f, 0x8b, 1, 2]), payload(), 'no flow')
  const records = event.records.map(({ recordId, data }) => ({ recordId, data, result: 'Ok' }))
  assert.deepEqual(await stage.watch(event), { records })
  assert.equal((await stage.letters()).length, 2)
  assert.equal(await isKnown(), true)
})

test('Firehose goes on when the ledger fails once, and nothing is lost', async () => {
  const event = firehoseEvent('flows', line(1), line(2))
  stage.sandbox.fault('dynamodb', '*', 1, 'throttle')
  assert.partialDeepStrictEqual(await stage.watch(event), { records: [{ result: 'Ok' }, { result: 'Ok' }] })
  assert.deepEqual(await stage.letters(), [])
  assert.equal(await isKnown(), true)
})

test('what watch does not know is one dead letter and no failure', async () => {
  const events = [
    {},
    null,
    'text',
    7,
    [],
    { Records: [] },
    { Records: [null] },
    { Records: [{ eventSource: 'aws:dynamodb' }] },
    { Records: [...noticeOf({ bucket: 'b', key: 'k' }).Records, ...queued('{}').Records] },
    { awslogs: {} },
    { 'detail-type': 'x' },
    { ...created('b', 'k'), detail: {} },
  ]
  for (const event of events) {
    assert.partialDeepStrictEqual(await stage.watch(event), { kind: 'rejected' }, JSON.stringify(event))
    assert.equal((await stage.letters()).length, 1, JSON.stringify(event))
  }
})

test('an envelope that is broken as a whole still gets the answer that its platform waits for', async () => {
  assert.deepEqual(await stage.watch({ Records: [{ eventSource: 'aws:sqs' }] }), { batchItemFailures: [] })
  assert.deepEqual(await stage.watch({ Records: [{ eventSource: 'aws:kinesis' }] }), { batchItemFailures: [] })
  const { invocationId: _, ...broken } = firehoseEvent('flows', line(1))
  assert.partialDeepStrictEqual(await stage.watch(broken), { records: [{ recordId: 'r0', result: 'Ok' }] })
  assert.equal((await stage.letters()).length, 3)
})

test('messages that cannot be read are dead letters, and the others are handled', async () => {
  const event = queued(
    'no JSON',
    { Type: 'Notification', Message: '{"Type":"Notification","Message":"{}"}' },
    sample('aws-guardduty/mining.event.json'),
  )
  assert.deepEqual(await stage.watch(event), { batchItemFailures: [] })
  assert.deepEqual(
    (await stage.letters()).map(({ source, position }) => [source, position]),
    [
      ['queue', 'record m0'],
      ['queue', 'record m1'],
    ],
  )
  assert.equal(await isKnown(), true)
})

test('an event of another account, or one that no source takes, is a dead letter', async () => {
  const given = Object(sample('aws-guardduty/mining.event.json'))
  for (const over of [{ account: '999999999999' }, { 'detail-type': 'EC2 Spot Instance Interruption Warning' }])
    assert.partialDeepStrictEqual(await stage.watch({ ...given, ...over }), { kind: 'rejected' })
  const letters = await stage.letters()
  assert.match(letters[0]?.reason ?? '', /of account "999999999999", not 123456789012/)
  assert.match(letters[1]?.reason ?? '', /no source takes "EC2 Spot/)
  assert.equal(await isKnown(), false)
})
