import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import { openObjectNotice } from './objects.ts'
import { openFirehose, openKinesis, openQueue } from './records.ts'

const message = JSON.stringify({
  messageType: 'DATA_MESSAGE',
  owner: '123456789012',
  logGroup: '/firebreak/logs',
  logStream: 'eni-0a1b2c3d4e5f60718-all',
  subscriptionFilters: ['firebreak'],
  logEvents: [{ id: '1', timestamp: 1_795_000_000_000, message: 'line' }],
})
const base64 = (bytes: string | Uint8Array) => Buffer.from(bytes).toString('base64')

const kinesis = (datas: readonly string[]) => ({
  Records: datas.map((data, index) => ({
    eventSource: 'aws:kinesis',
    eventID: `shardId-000000000000:${index}`,
    kinesis: { kinesisSchemaVersion: '1.0', partitionKey: 'k', sequenceNumber: '1', data },
  })),
})
const firehose = (datas: readonly string[]) => ({
  invocationId: 'i',
  deliveryStreamArn: 'arn:aws:firehose:us-east-1:123456789012:deliverystream/logs',
  region: 'us-east-1',
  records: datas.map((data, index) => ({ recordId: `r${index}`, approximateArrivalTimestamp: 1, data })),
})

test('a stream carries subscriptions, compressed or not, and lines', () => {
  for (const open of [() => openKinesis(kinesis(datas)), () => openFirehose(firehose(datas))]) {
    const { records, rejected } = open()
    assert.deepEqual(rejected, [])
    const contents = records.map(({ content }) =>
      content.kind === 'lines' ? Buffer.from(content.bytes).toString() : content.delivery,
    )
    const delivery = contents[0]
    assert.ok(typeof delivery === 'object' && delivery.kind === 'events')
    assert.equal(delivery.stream, 'eni-0a1b2c3d4e5f60718-all')
    assert.deepEqual(contents, [delivery, delivery, 'a b c\n', 'a b c\n', 'x "y"\nz', '{"firewall_name":"f"}'])
  }
})

const datas = [
  base64(gzipSync(message)),
  base64(message),
  base64('a b c\n'),
  base64(gzipSync('a b c\n')),
  base64('{"message":"x \\"y\\""}\n{"message":"z"}\n'),
  base64('{"firewall_name":"f"}'),
]

test('a record that cannot be opened is rejected and the others stand', () => {
  const broken = [
    base64(gzipSync(message).subarray(0, 40)),
    '***',
    base64('{"message":1}'),
    base64('{"messageType":"X"}'),
  ]
  const { records, rejected } = openKinesis(kinesis([...broken, ...datas]))
  assert.equal(records.length, datas.length)
  assert.deepEqual(
    rejected.map(({ position }) => position),
    broken.map((_, index) => `record shardId-000000000000:${index}`),
  )
})

test('a bomb in a stream stops at the limit', () => {
  const { rejected } = openFirehose(firehose([base64(gzipSync(Buffer.alloc(1_000_000)))]), 10_000)
  assert.match(rejected[0]?.reason ?? '', /decompresses to more than 10000 bytes/)
})

test('a queue carries object notices', () => {
  const body = JSON.stringify({ Service: 'Amazon S3', Event: 's3:TestEvent' })
  const event = (bodies: readonly string[]) => ({
    Records: bodies.map((body, index) => ({ messageId: `m${index}`, eventSource: 'aws:sqs', body })),
  })
  const { records, rejected } = openQueue(event([body, 'no JSON', '{}']), openObjectNotice)
  assert.deepEqual(records, [{ id: 'm0', content: [] }])
  assert.deepEqual(
    rejected.map(({ position }) => position),
    ['record m1', 'record m2'],
  )
})

test('what is no event of the kind is an InputError', () => {
  for (const open of [openKinesis, openFirehose, (event: unknown) => openQueue(event, openObjectNotice)])
    fc.assert(
      fc.property(fc.anything(), event => {
        assert.throws(() => open(event), InputError)
      }),
      { numRuns: 300 },
    )
})
