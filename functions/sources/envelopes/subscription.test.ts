import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import { openSubscription } from './subscription.ts'

const pack = (content: unknown) => ({ awslogs: { data: gzipSync(JSON.stringify(content)).toString('base64') } })

const message = {
  messageType: 'DATA_MESSAGE',
  owner: '123456789012',
  logGroup: '/firebreak/logs',
  logStream: 'eni-0a1b2c3d4e5f60718-all',
  subscriptionFilters: ['firebreak'],
  logEvents: [{ id: '1', timestamp: 1_795_000_000_000, message: 'line' }],
}

const refuses = (event: unknown, text: string, most?: number) =>
  assert.throws(
    () => openSubscription(event, most),
    (thrown: unknown) => thrown instanceof InputError && thrown.message.includes(text),
  )

test('openSubscription() gives owner, group, stream and events', () => {
  assert.deepEqual(openSubscription(pack(message)), {
    kind: 'events',
    owner: '123456789012',
    group: '/firebreak/logs',
    stream: 'eni-0a1b2c3d4e5f60718-all',
    events: message.logEvents,
    rejected: [],
  })
})

test('openSubscription() knows a control message, which has nothing to judge', () => {
  const control = {
    messageType: 'CONTROL_MESSAGE',
    owner: 'CloudwatchLogs',
    logGroup: '',
    logStream: '',
    logEvents: [],
  }
  assert.deepEqual(openSubscription(pack(control)), { kind: 'control' })
})

test('openSubscription() keeps the good events beside one that is none', () => {
  const delivery = openSubscription(pack({ ...message, logEvents: [{ id: 7 }, ...message.logEvents, null] }))
  assert.ok(delivery.kind === 'events')
  assert.deepEqual(delivery.events, message.logEvents)
  assert.deepEqual(
    delivery.rejected.map(({ position }) => position),
    ['event 0', 'event 2'],
  )
})

test('openSubscription() refuses a truncated gzip', () => {
  const whole = gzipSync(JSON.stringify(message))
  refuses({ awslogs: { data: whole.subarray(0, whole.length - 12).toString('base64') } }, 'its gzip is truncated')
})

test('openSubscription() refuses what is no gzip', () => {
  refuses({ awslogs: { data: Buffer.from('{"messageType":"DATA_MESSAGE"}').toString('base64') } }, 'no gzip or damaged')
})

test('openSubscription() refuses what is not base64 and says where', () => {
  const { data } = pack(message).awslogs
  refuses({ awslogs: { data: `${data.slice(0, 8)}*${data.slice(9)}` } }, 'no base64 at character 8')
  refuses({ awslogs: { data: data.slice(1) } }, 'which comes in fours')
  refuses({ awslogs: { data: data.replace('H', '-') } }, 'no base64 at character')
  refuses({ awslogs: { data: 'AB==' } }, 'ends within a byte')
  refuses({ awslogs: { data: '====' } }, 'no base64 at character')
})

test('openSubscription() stops a gzip bomb at the limit', () => {
  const bomb = gzipSync(Buffer.alloc(5_000_000))
  refuses({ awslogs: { data: bomb.toString('base64') } }, 'decompresses to more than 100000 bytes', 100_000)
})

test('openSubscription() refuses what is no JSON, too deep, or of another shape', () => {
  const raw = (text: string) => ({ awslogs: { data: gzipSync(text).toString('base64') } })
  refuses(raw('{"messageType":'), 'it is no JSON')
  refuses(raw('['.repeat(100_000)), 'nests more than 32 deep')
  refuses(pack({ ...message, messageType: 'OTHER' }), 'messageType')
  refuses(pack({ ...message, owner: undefined }), 'owner')
  for (const event of [undefined, null, 7, '', [], {}, { awslogs: {} }, { awslogs: { data: 1 } }, { Records: [] }])
    refuses(event, 'Cannot read log subscription')
})

test('openSubscription() throws nothing but InputError', () => {
  const { data } = pack(message).awslogs
  const damaged = fc
    .tuple(fc.nat(data.length), fc.string({ maxLength: 4 }), fc.nat(4))
    .map(([at, piece, drop]) => data.slice(0, at) + piece + data.slice(at + drop))
  const content = fc.oneof(
    damaged,
    fc.string(),
    fc.uint8Array().map(bytes => Buffer.from(bytes).toString('base64')),
    fc.jsonValue().map(value => gzipSync(JSON.stringify(value)).toString('base64')),
    fc.jsonValue().map(value => gzipSync(JSON.stringify({ ...message, logEvents: value })).toString('base64')),
  )
  fc.assert(
    fc.property(
      fc.oneof(
        content.map(one => ({ awslogs: { data: one } })),
        fc.anything(),
      ),
      event => {
        try {
          openSubscription(event)
        } catch (thrown) {
          assert.ok(thrown instanceof InputError, String(thrown))
        }
      },
    ),
    { numRuns: 3000 },
  )
})

test('openSubscription() refuses an owner that is no account id', () => {
  refuses(pack({ ...message, owner: 'x'.repeat(300) }), 'owner')
})

test('openSubscription() refuses more values than memory should hold, and counts events that are none past a bound', () => {
  const values = (count: number) => ({ ...message, logEvents: Array.from({ length: count }, () => 0) })
  refuses(pack(values(4_000_001)), 'it holds more than 4000000 values')
  const delivery = openSubscription(pack(values(5000)))
  assert.ok(delivery.kind === 'events')
  assert.equal(delivery.rejected.length, 1001)
  assert.match(delivery.rejected.at(-1)?.reason ?? '', /; 4000 more have none$/)
})
