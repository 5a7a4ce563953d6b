import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import { openBridgeEvent } from './envelopes/eventbridge.ts'
import { logObjectOf, openObjectNotice } from './envelopes/objects.ts'
import { openFirehose, openKinesis, openQueue } from './envelopes/records.ts'
import { collecting } from './envelopes/sink-fixture.ts'
import { openSubscription } from './envelopes/subscription.ts'
import { eventSources, sources } from './registry.ts'

const EVENTS = new URL('../../events/', import.meta.url)

const read = (path: string): unknown => JSON.parse(readFileSync(new URL(path, EVENTS), 'utf8'))

/** The format of the sample, as the flow log was made with it. */
const V5 =
  'version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id ' +
  'interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr ' +
  'pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path log-status'

interface Expected {
  readonly fields?: string
  readonly flows?: number
  readonly coverage?: number
  readonly names?: number
  readonly alerts?: number
  readonly loads?: number
  readonly toolCalls?: number
}

/** Every sample of a subscription, and what is in it. */
const samples: Readonly<Record<string, Readonly<Record<string, Expected>>>> = {
  'aws-vpc-flow': {
    v2: { flows: 5 },
    'v5-custom-order': { fields: V5, flows: 3 },
    'nodata-skipdata': { coverage: 2 },
  },
  'aws-network-firewall': {
    alert: { alerts: 3, names: 2 },
    netflow: { flows: 4 },
    tls: { names: 2 },
    suricata: { names: 8 },
  },
  'aws-resolver': {
    queries: { names: 6 },
    'dns-firewall': { names: 2, alerts: 2 },
  },
  'agent-trace': {
    'tool-calls': { toolCalls: 3 },
  },
}

/** Every sample of an event of the bus. */
const notices: Readonly<Record<string, Expected>> = {
  'aws-resolver/dns-firewall': { names: 1, alerts: 1 },
  'aws-guardduty/mining': { alerts: 1 },
  'aws-guardduty/mining-dns': { alerts: 1, names: 1 },
  'aws-guardduty/sample': {},
  'aws-guardduty/attack-sequence': { alerts: 2 },
  'aws-security-hub/mining': { alerts: 1 },
  'aws-alarm/gpu': { loads: 1 },
}

test('every sample of an event of the bus is in the table', () => {
  const found = readdirSync(EVENTS, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.event.json'))
  assert.deepEqual(
    found.sort(),
    Object.keys(notices)
      .map(name => `${name}.event.json`)
      .sort(),
  )
})

for (const [name, expected] of Object.entries(notices))
  test(`the event ${name} is taken by one source and decoded`, () => {
    const event = openBridgeEvent(read(`${name}.event.json`))
    const taking = eventSources.filter(source => source.takes(event))
    assert.equal(taking.length, 1)
    const seen = collecting()
    taking[0]?.decode(event, seen.sink)
    const none = { flows: 0, coverage: 0, names: 0, alerts: 0, loads: 0, toolCalls: 0, rejected: 0 }
    assert.deepEqual(seen.counts(), { ...none, ...expected })
  })

for (const [source, files] of Object.entries(samples)) {
  test(`every sample of ${source} is in the table`, () => {
    const found = readdirSync(new URL(`${source}/`, EVENTS))
      .filter(file => file.endsWith('.json') && !/\.(decoded|event|notice|stream)\.json$/.test(file))
      .map(file => file.slice(0, -'.json'.length))
    assert.deepEqual(found.sort(), Object.keys(files).sort())
  })

  for (const [file, { fields, ...expected }] of Object.entries(files))
    test(`${source} decodes all of its sample ${file}`, () => {
      const payload = read(`${source}/${file}.json`)
      const delivery = openSubscription(payload)
      assert.ok(delivery.kind === 'events')
      const seen = collecting()
      sources[source]?.open({ fields })(delivery, seen.sink)
      const none = { flows: 0, coverage: 0, names: 0, alerts: 0, loads: 0, toolCalls: 0, rejected: 0 }
      assert.deepEqual(seen.counts(), { ...none, ...expected }, JSON.stringify(seen.rejected))
      const { awslogs } = z.object({ awslogs: z.object({ data: z.string() }) }).parse(payload)
      const content: unknown = JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')).toString())
      assert.deepEqual(content, read(`${source}/${file}.decoded.json`), 'the readable sibling says the same')
    })
}

test('the samples of object notices, through a queue and on the bus, name one log', () => {
  const [queued] = openQueue(read('aws-vpc-flow/s3.notice.json'), openObjectNotice).records
  const onBus = openObjectNotice(read('aws-vpc-flow/s3-bus.notice.json'))
  assert.equal(onBus.length, 1)
  assert.deepEqual(queued?.content, onBus)
  assert.deepEqual(logObjectOf(onBus[0]?.key ?? ''), {
    source: 'aws-vpc-flow',
    account: '123456789012',
    encoding: 'gzip',
  })
})

test('the samples of streams carry the flows of the subscription', () => {
  const flowsOf = (event: unknown, open: typeof openKinesis) => {
    const seen = collecting()
    for (const { content } of open(event).records) {
      if (content.kind === 'lines') {
        const reader = sources['aws-vpc-flow']?.lines({}, seen.sink)
        reader?.push(content.bytes)
        reader?.end()
      } else if (content.delivery.kind === 'events') sources['aws-vpc-flow']?.open({})(content.delivery, seen.sink)
    }
    assert.deepEqual(seen.rejected, [])
    return seen.flows
  }
  const viaKinesis = flowsOf(read('aws-vpc-flow/kinesis.stream.json'), openKinesis)
  assert.equal(viaKinesis.length, 5)
  assert.deepEqual(flowsOf(read('aws-vpc-flow/firehose.stream.json'), openFirehose), viaKinesis)
})
