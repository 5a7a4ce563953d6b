import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import * as z from 'zod'
import { packState } from '../../functions/core/state-packing.ts'
import {
  created,
  firehoseArn,
  firehoseEvent,
  kinesisArn,
  kinesisEvent,
  noticeOf,
  queued,
  topicEvent,
  topicMessage,
} from '../wire/watch-envelope-events.ts'
import { INSTANCE, OTHER, sample, stageWatch } from '../wire/watch-stage.ts'

/** The format of the sample, as the flow log was made with it. */
const V5 =
  'version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id ' +
  'interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr ' +
  'pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path log-status'
const V2 =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'

/** Each sample of a log, the source that reads it, and its format where it has one. */
const LOGS = {
  'aws-vpc-flow/v2': V2,
  'aws-vpc-flow/v5-custom-order': V5,
  'aws-vpc-flow/nodata-skipdata': V2,
  'aws-network-firewall/alert': undefined,
  'aws-network-firewall/netflow': undefined,
  'aws-network-firewall/suricata': undefined,
  'aws-network-firewall/tls': undefined,
  'aws-resolver/queries': undefined,
  'aws-resolver/dns-firewall': undefined,
  'agent-trace/tool-calls': undefined,
} as const satisfies Record<string, string | undefined>
type Log = keyof typeof LOGS
const logs = Object.keys(LOGS) as Log[]

/** Each sample of an event of the bus, and the instances that it names; none for what is passed over. */
const BUS: Readonly<Record<string, readonly string[]>> = {
  'aws-guardduty/mining': [INSTANCE],
  'aws-guardduty/mining-dns': [INSTANCE],
  'aws-guardduty/attack-sequence': [INSTANCE, OTHER],
  'aws-guardduty/sample': [],
  'aws-security-hub/mining': [INSTANCE],
  'aws-resolver/dns-firewall': [INSTANCE],
  'aws-alarm/gpu': [INSTANCE],
}

const Decoded = z.looseObject({
  logGroup: z.string(),
  logEvents: z.array(z.looseObject({ message: z.string() })),
})

const sourceOf = (log: Log) => log.slice(0, log.indexOf('/'))
const nameOf = (log: Log) => log.replace('/', '-')
/** One group for each sample: they were made with different formats. */
const groupOf = (log: Log) => `/firebreak/${nameOf(log)}`
const bucketOf = (log: Log) => `logs-of-${nameOf(log)}`

function settingsOf(log: Log) {
  const source = sourceOf(log)
  return {
    source,
    ...(LOGS[log] === undefined ? {} : { fields: LOGS[log] }),
    ...(source === 'aws-network-firewall' ? { firewalls: { egress: 'vpc-1' } } : {}),
  }
}

function decodedOf(log: Log) {
  return { ...Decoded.parse(sample(`${log}.decoded.json`)), logGroup: groupOf(log) }
}

const payloadOf = (log: Log) => gzipSync(JSON.stringify(decodedOf(log)))
const messagesOf = (log: Log) => decodedOf(log).logEvents.map(({ message }) => message)
const linesOf = (log: Log) => `${messagesOf(log).join('\n')}\n`

/** As AWS names the folder of each source's objects; the agent's own are under no name of AWS's. */
const SERVICES: Readonly<Record<string, string>> = {
  'aws-vpc-flow': 'AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/18',
  'aws-network-firewall': 'AWSLogs/123456789012/network-firewall/alert/us-east-1/egress/2026/11/18/11',
  'aws-resolver': 'AWSLogs/123456789012/vpcdnsquerylogs/vpc-0a1b2c3d4e5f60718/2026/11/18',
  'agent-trace': 'agent traces/2026+11',
}

const stage = await stageWatch({
  logGroups: Object.fromEntries(logs.map(log => [groupOf(log), settingsOf(log)])),
  buckets: Object.fromEntries(logs.map(log => [bucketOf(log), settingsOf(log)])),
  streams: Object.fromEntries(
    logs.flatMap(log => [kinesisArn(nameOf(log)), firehoseArn(nameOf(log))].map(arn => [arn, settingsOf(log)])),
  ),
})
after(() => stage.close())

/** Puts an object as AWS would, and gives its bucket and key. */
async function stored(log: Log, end: string, body: Uint8Array | string) {
  const object = { bucket: bucketOf(log), key: `${SERVICES[sourceOf(log)]}/log${end}` }
  await stage.put(object.bucket, object.key, body)
  return object
}

/** A flow log's file begins with its format. */
const fileOf = (log: Log) => (LOGS[log] === undefined ? linesOf(log) : `${LOGS[log]}\n${linesOf(log)}`)

/** Every way in which a log arrives, and the event that watch gets. */
const ENVELOPES: Readonly<Record<string, (log: Log) => unknown>> = {
  subscription: log => ({ awslogs: { data: payloadOf(log).toString('base64') } }),
  'Kinesis, subscription': log => kinesisEvent(nameOf(log), payloadOf(log)),
  'Kinesis, lines': log => kinesisEvent(nameOf(log), ...messagesOf(log)),
  'Firehose, subscription': log => firehoseEvent(nameOf(log), payloadOf(log)),
  'Firehose, lines': log => firehoseEvent(nameOf(log), ...messagesOf(log).map(message => JSON.stringify({ message }))),
  'S3, gzip': async log => noticeOf(await stored(log, '.log.gz', gzipSync(fileOf(log)))),
  'S3 through SQS, zstd': async log => queued(noticeOf(await stored(log, '.log.zst', zstdCompressSync(fileOf(log))))),
  'S3 through SNS, plain': async log => topicEvent(noticeOf(await stored(log, '.log', fileOf(log)))),
  'S3 through SNS and SQS, gzip': async log =>
    queued(topicMessage(noticeOf(await stored(log, '.log.gz', gzipSync(fileOf(log)))))),
  'S3 through EventBridge, gzip': async log => {
    const { bucket, key } = await stored(log, '.log.gz', gzipSync(fileOf(log)))
    return created(bucket, key)
  },
  'S3 through EventBridge and SQS, plain': async log => {
    const { bucket, key } = await stored(log, '.log', fileOf(log))
    return queued(created(bucket, key))
  },
}

/** Every way in which an event of the bus arrives. */
const BUS_ENVELOPES: Readonly<Record<string, (event: unknown) => unknown>> = {
  EventBridge: event => event,
  'EventBridge through SQS': event => queued(event),
  'EventBridge through SNS': event => topicEvent(event),
  'EventBridge through SNS and SQS': event => queued(topicMessage(event)),
}

/** What watch made of an event, from nothing: what is known of both instances as it is kept, and what was put aside. */
async function outcomeOf(event: unknown) {
  await stage.forget(INSTANCE, OTHER)
  const answer = await stage.watch(event)
  const known = await Promise.all(
    [INSTANCE, OTHER].map(async instance => {
      const row = await stage.known(instance)
      return row && Buffer.from(packState(row.state, 1_795_000_000).packed).toString('hex')
    }),
  )
  return { answer, known, letters: await stage.letters() }
}

const references = new Map<Log, Awaited<ReturnType<typeof outcomeOf>>>()
before(async () => {
  for (const log of logs) references.set(log, await outcomeOf(ENVELOPES['subscription']?.(log)))
})

test('the tables name every sample under events/', () => {
  const files = readdirSync(new URL('../../events/', import.meta.url), { recursive: true, encoding: 'utf8' })
  const ending = (end: string) => files.filter(file => file.endsWith(end)).map(file => file.slice(0, -end.length))
  assert.deepEqual(ending('.decoded.json').toSorted(), logs.toSorted())
  assert.deepEqual(ending('.event.json').toSorted(), Object.keys(BUS).toSorted())
})

test('each log tells of the instance through a subscription', () => {
  for (const log of logs) {
    const { answer, known, letters } = references.get(log) ?? assert.fail(log)
    assert.ok('kind' in answer && answer.kind === 'judged', log)
    assert.notEqual(known[0], undefined, log)
    assert.deepEqual(letters, [], log)
  }
})

for (const [envelope, make] of Object.entries(ENVELOPES))
  for (const log of logs)
    test(`${log} through ${envelope}: the same is known of the instance`, async () => {
      const { answer, known, letters } = await outcomeOf(await make(log))
      assert.deepEqual(letters, [])
      assert.deepEqual(known, references.get(log)?.known)
      if ('batchItemFailures' in answer) assert.deepEqual(answer.batchItemFailures, [])
      if ('records' in answer) assert.ok(answer.records.every(({ result }) => result === 'Ok'))
    })

for (const file of ['v2.parquet', 'v2-gzip.parquet'])
  test(`aws-vpc-flow/${file} through S3: the instance is known of`, async () => {
    const bytes = readFileSync(new URL(`../../events/aws-vpc-flow/${file}`, import.meta.url))
    const object = await stored('aws-vpc-flow/v2', '.log.parquet', bytes)
    const { answer, known, letters } = await outcomeOf(noticeOf(object))
    assert.deepEqual(letters, [])
    assert.notEqual(known[0], undefined)
    assert.partialDeepStrictEqual(answer, { kind: 'judged', flows: 3 })
  })

for (const [name, instances] of Object.entries(BUS))
  for (const [envelope, make] of Object.entries(BUS_ENVELOPES))
    test(`${name} through ${envelope}: known of ${instances.length} instances`, async () => {
      const { known, letters } = await outcomeOf(make(sample(`${name}.event.json`)))
      assert.deepEqual(letters, [])
      assert.deepEqual(
        known.map(row => row !== undefined),
        [INSTANCE, OTHER].map(instance => instances.includes(instance)),
      )
    })

test('the samples of notices and streams are taken as they stand', async () => {
  const log: Log = 'aws-vpc-flow/v2'
  const bus = z.looseObject({ detail: z.looseObject({ object: z.looseObject({ key: z.string() }) }) })
  const { key } = bus.parse(sample('aws-vpc-flow/s3-bus.notice.json')).detail.object
  const other = await stageWatch({ buckets: { 'example-logs': {} } })
  try {
    await other.put('example-logs', key, gzipSync(fileOf(log)))
    assert.partialDeepStrictEqual(await other.watch(sample('aws-vpc-flow/s3-bus.notice.json')), { flows: 5 })
    assert.deepEqual(await other.watch(sample('aws-vpc-flow/s3.notice.json')), { batchItemFailures: [] })
    assert.deepEqual(await other.letters(), [])
  } finally {
    await other.close()
  }
})
