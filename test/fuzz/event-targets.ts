import assert from 'node:assert/strict'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { findingOf } from '../../functions/core/engine-fixture.ts'
import { ConfigurationError, InputError } from '../../functions/core/errors.ts'
import { startedBy } from '../../functions/entry/aws/changes.ts'
import { readOrder } from '../../functions/entry/aws/lane.ts'
import { readConfig } from '../../functions/entry/config.ts'
import type { Random } from '../../functions/sandbox/scenario/random.ts'
import { openBridgeEvent } from '../../functions/sources/envelopes/eventbridge.ts'
import { logObjectOf, openObjectNotice } from '../../functions/sources/envelopes/objects.ts'
import {
  type Carried,
  type Opened,
  openFirehose,
  openKinesis,
  openQueue,
} from '../../functions/sources/envelopes/records.ts'
import { collecting } from '../../functions/sources/envelopes/sink-fixture.ts'
import { openSubscription } from '../../functions/sources/envelopes/subscription.ts'
import { eventSources, sources } from '../../functions/sources/registry.ts'
import { mutateJson, shaped } from './json-mutations.ts'
import type { Target } from './log-targets.ts'
import { mutateBytes, mutateText, oneOf } from './mutations.ts'
import { busEvents, changeEvents, decodedDeliveries, readSample } from './samples.ts'
import { assertSound, handedOn } from './soundness.ts'

/** The outcome, or the one kind of error that may be thrown. */
function orRefused<T>(
  attempt: () => T,
  kind: typeof InputError | typeof ConfigurationError = InputError,
): T | undefined {
  try {
    return attempt()
  } catch (thrown) {
    if (!(thrown instanceof kind)) throw thrown
    assert.ok(thrown.message.startsWith('Cannot '), thrown.message)
    return undefined
  }
}

const asText = (input: Uint8Array) => Buffer.from(input).toString('utf8')

/** Lambda hands events on as objects: what is no JSON never comes. */
function parsed(input: Uint8Array): { readonly event: unknown } | undefined {
  try {
    return { event: JSON.parse(asText(input)) }
  } catch {
    return undefined
  }
}

/** Small, so that a bomb need not be large to go off. */
const MOST = 1 << 20

/** Gzip, whole or damaged, in base64, as it should be or nearly. */
function packed(text: string, random: Random): string {
  const bomb = random.next() < 0.002
  const zipped = gzipSync(bomb ? Buffer.alloc(8 * MOST, 32) : mutateBytes(Buffer.from(text), random), { level: 1 })
  const bytes = random.next() < 0.7 ? zipped : mutateBytes(zipped, random)
  const base64 = Buffer.from(bytes).toString('base64')
  return random.next() < 0.9 ? base64 : mutateText(base64, random, [base64])
}

function jsonTarget(
  id: string,
  samples: readonly unknown[],
  check: Target['check'],
  damaged: Target['damaged'] = random => Buffer.from(mutateJson(oneOf(random, samples), random)),
): Target {
  return { id, damaged, check, structured: fc.oneof(...samples.map(shaped)).map(one => JSON.stringify(one)) }
}

const decoders = Object.values(sources).map(source => source.open({}))

/** What a log's delivery holds goes on to every source, as a wrong configuration would send it. */
function decodeAll(delivery: ReturnType<typeof openSubscription>): void {
  if (delivery.kind === 'control') return
  for (const decode of decoders) {
    const seen = collecting()
    decode(delivery, seen.sink)
    assertSound(seen)
  }
}

function checkSubscription(input: Uint8Array): void {
  const given = parsed(input)
  if (!given) return
  const delivery = orRefused(() => openSubscription(given.event, MOST))
  if (delivery?.kind !== 'events') return
  const said = contentOf(given.event)
  assert.equal(delivery.events.length + delivery.rejected.length, said, 'an event of the delivery is lost')
  decodeAll(delivery)
}

/** How many events stand in the payload, by a reading of its own. */
function contentOf(event: unknown): number {
  const data = (event as { awslogs: { data: string } }).awslogs.data
  const content = JSON.parse(gunzipSync(Buffer.from(data, 'base64')).toString()) as { logEvents: unknown[] }
  return content.logEvents.length
}

function checkStream(
  open: (event: unknown, most?: number) => Opened<Carried>,
  list: 'Records' | 'records',
): Target['check'] {
  return input => {
    const given = parsed(input)
    if (!given) return
    const opened = orRefused(() => open(given.event, MOST))
    if (!opened) return
    const said = (given.event as Record<string, unknown[]>)[list]?.length
    assert.equal(opened.records.length + opened.rejected.length, said, 'a record of the stream is lost')
    for (const { content } of opened.records) {
      if (content.kind === 'subscription') decodeAll(content.delivery)
      else
        for (const source of Object.values(sources)) {
          const seen = collecting()
          const reader = source.lines({}, seen.sink)
          reader.push(content.bytes)
          reader.end()
          assertSound(seen)
        }
    }
  }
}

function checkBus(input: Uint8Array): void {
  const given = parsed(input)
  if (!given) return
  const event = orRefused(() => openBridgeEvent(given.event))
  if (!event) return
  for (const source of eventSources) {
    // Each must bear whatever detail comes, also where the type is not its own.
    const seen = collecting()
    const done = orRefused(() => {
      source.decode(event, seen.sink)
      return true
    })
    assertSound(seen)
    assert.ok(done || handedOn(seen) === 0, 'an event is used and refused')
  }
}

function checkNotice(input: Uint8Array): void {
  const given = parsed(input)
  if (!given) return
  for (const { bucket, key } of orRefused(() => openObjectNotice(given.event)) ?? []) {
    assert.ok(bucket.length <= 255 && key.length <= 3072)
    const object = logObjectOf(key)
    assert.ok(object === undefined || object.source === undefined || Object.hasOwn(sources, object.source))
  }
}

const config = {
  account: '123456789012',
  table: 'firebreak',
  queue: 'https://sqs.us-east-1.amazonaws.com/123456789012/orders.fifo',
  deadLetters: 'https://sqs.us-east-1.amazonaws.com/123456789012/dead',
  logGroups: {
    '/firebreak/flow-logs': { source: 'aws-vpc-flow' },
    '/firebreak/firewall': { source: 'aws-network-firewall', firewalls: { fw: 'vpc-1' } },
  },
  policy: { scope: 'firebreak:scope=agent', mode: 'enforce', exemptInstances: ['i-1'], budget: { cutsPerHour: 5 } },
  proxies: ['10.0.0.9'],
  rules: {
    score: { isolate: 100 },
    allow: { addresses: ['192.0.2.0/24'], names: ['example.com'] },
    egress: { ssh: 'forbidden' },
  },
  dnsCovered: true,
}

const orders = [
  { kind: 'finding', finding: findingOf() },
  { kind: 'residual', instance: 'i-1', incident: 'fb-1', peers: [{ address: '203.0.113.9', port: 22, protocol: 6 }] },
  { kind: 'release', instance: 'i-1', incident: 'fb-1', by: 'someone@example.com' },
]

function checkChange(input: Uint8Array): void {
  const given = parsed(input)
  if (!given) return
  const settings = { ownRoles: [], deployers: [], ours: ['/firebreak/flow'] }
  const change = orRefused(() => startedBy(given.event, settings, '111122223333'))
  if (change === undefined || change === 'schedule') return
  assert.ok(change.subjects.length <= 2000 && change.subjects.every(subject => subject.length <= 2048))
  assert.ok((change.by ?? '').length <= 256 && (change.guard ?? '').length <= 256 && change.id.length <= 256)
}

export function eventTargets(): Target[] {
  const kinesis = readSample('aws-vpc-flow/kinesis.stream.json')
  const firehose = readSample('aws-vpc-flow/firehose.stream.json')
  const queue = readSample('aws-vpc-flow/s3.notice.json')
  const inner = (random: Random) => packed(mutateJson(oneOf(random, decodedDeliveries), random), random)
  const either = (random: Random, sample: unknown, made: () => unknown) =>
    Buffer.from(random.next() < 0.3 ? mutateJson(sample, random) : JSON.stringify(made()))
  return [
    jsonTarget('subscription', decodedDeliveries, checkSubscription, random =>
      Buffer.from(JSON.stringify({ awslogs: { data: inner(random) } })),
    ),
    jsonTarget('kinesis', [kinesis], checkStream(openKinesis, 'Records'), random =>
      either(random, kinesis, () => ({
        Records: [inner(random), inner(random)].map((data, index) => ({
          eventID: `${index}`,
          eventSource: 'aws:kinesis',
          kinesis: { data },
        })),
      })),
    ),
    jsonTarget('firehose', [firehose], checkStream(openFirehose, 'records'), random =>
      either(random, firehose, () => ({
        invocationId: '1',
        deliveryStreamArn: 'arn',
        records: [
          { recordId: '1', data: inner(random) },
          {
            recordId: '2',
            data: Buffer.from(mutateText('{"message":"2 - - -"}\n{"message":"é"}', random, [''])).toString('base64'),
          },
        ],
      })),
    ),
    jsonTarget(
      'queue',
      [queue],
      input => {
        const given = parsed(input)
        if (!given) return
        const opened = orRefused(() => openQueue(given.event, openObjectNotice))
        const said = (given.event as { Records?: unknown[] } | null)?.Records?.length
        if (opened) assert.equal(opened.records.length + opened.rejected.length, said, 'a message is lost')
      },
      random =>
        either(random, queue, () => ({
          Records: [{ messageId: '1', eventSource: 'aws:sqs', body: mutateJson(oneOf(random, busEvents), random) }],
        })),
    ),
    jsonTarget('object notice', busEvents, checkNotice),
    jsonTarget('event bus', busEvents, checkBus),
    jsonTarget('change', changeEvents, checkChange),
    jsonTarget('lane order', orders, input => void orRefused(() => readOrder(asText(input)))),
    jsonTarget('configuration', [config], input => {
      orRefused(() => readConfig({ FIREBREAK_CONFIG: asText(input) }), ConfigurationError)
    }),
  ]
}
