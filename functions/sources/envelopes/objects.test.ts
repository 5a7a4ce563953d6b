import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import type { Flow } from '../../core/flow.ts'
import { logObjectOf, ofObject, openObjectNotice } from './objects.ts'
import { collecting } from './sink-fixture.ts'

const KEY = 'AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/18/123456789012_vpcflowlogs_us-east-1_fl-1 (a).log.gz'

const record = (eventName: string, key: string) => ({
  eventVersion: '2.1',
  eventSource: 'aws:s3',
  awsRegion: 'us-east-1',
  eventName,
  s3: { bucket: { name: 'logs' }, object: { key, size: 1024, eTag: 'x', versionId: 'v1', sequencer: '0' } },
})

const encoded = encodeURIComponent(KEY).replaceAll('%2F', '/').replaceAll('%20', '+')
const own = { Records: [record('ObjectCreated:Put', encoded), record('ObjectRemoved:Delete', encoded)] }
const notice = { bucket: 'logs', key: KEY, version: 'v1', size: 1024 }

test('openObjectNotice() decodes the key of a new object and passes over one that is gone', () => {
  assert.deepEqual(openObjectNotice(own), [notice])
  assert.deepEqual(openObjectNotice({ Type: 'Notification', TopicArn: 'arn', Message: JSON.stringify(own) }), [notice])
})

test('openObjectNotice() leaves the key from the bus as it is', () => {
  const key = 'AWSLogs/a+b%20c.log.gz'
  const event = {
    version: '0',
    id: '1',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: '123456789012',
    time: '2026-11-18T11:06:40Z',
    region: 'us-east-1',
    resources: ['arn:aws:s3:::logs'],
    detail: { version: '0', bucket: { name: 'logs' }, object: { key, size: 3, etag: 'x' }, reason: 'PutObject' },
  }
  assert.deepEqual(openObjectNotice(event), [{ bucket: 'logs', key, version: undefined, size: 3 }])
  assert.deepEqual(openObjectNotice({ ...event, 'detail-type': 'Object Deleted' }), [])
})

test('openObjectNotice() knows the notice that S3 sends to try a queue', () => {
  assert.deepEqual(openObjectNotice({ Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'logs' }), [])
})

test('openObjectNotice() throws nothing but InputError', () => {
  const refused = [
    undefined,
    {},
    { Records: [{}] },
    { Records: [record('ObjectCreated:Put', '%E0%A4%A')] },
    { Type: 'Notification', Message: JSON.stringify({ Type: 'Notification', Message: '{}' }) },
    { 'detail-type': 'Object Created', source: 'aws.s3' },
  ]
  for (const given of refused) assert.throws(() => openObjectNotice(given), InputError, JSON.stringify(given))
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.string().map(key => ({ Records: [record('ObjectCreated:Put', key)] })),
      ),
      given => {
        try {
          openObjectNotice(given)
        } catch (thrown) {
          assert.ok(thrown instanceof InputError)
        }
      },
    ),
    { numRuns: 1000 },
  )
})

test('logObjectOf() tells a log’s source, account and encoding from its key, and logs from other objects', () => {
  const account = '123456789012'
  assert.deepEqual(logObjectOf(KEY), { source: 'aws-vpc-flow', account, encoding: 'gzip' })
  const hive = `x/AWSLogs/aws-account-id=1/aws-service=vpcflowlogs/2026.log.parquet`
  assert.equal(logObjectOf(hive)?.encoding, 'parquet')
  assert.deepEqual(logObjectOf(`AWSLogs/${account}/network-firewall/alert/us-east-1/f/2026/11/18/a.log.gz`), {
    ...{ source: 'aws-network-firewall', account, firewall: 'f', encoding: 'gzip' },
  })
  assert.equal(logObjectOf(`AWSLogs/${account}/vpcdnsquerylogs/vpc-1/2026/11/18/a.log.gz`)?.source, 'aws-resolver')
  assert.deepEqual(logObjectOf('mine/flow.log'), { source: undefined, account: undefined, encoding: 'plain' })
  for (const key of ['AWSLogs/1/vpcflowlogs/', '_SUCCESS', 'a/_manifest.json', '.keep.log', 'image.png', ''])
    assert.equal(logObjectOf(key), undefined, key)
})

const T = 1_795_000_000
const flow: Flow = {
  ...{ interface: 'eni-0a1b2c3d4e5f60718', account: '123456789012', firewall: undefined, direction: undefined },
  ...{ source: '10.0.1.20', destination: '203.0.113.10', sourcePort: 49_152, destinationPort: 22, protocol: 6 },
  ...{ packets: 1, bytes: 60, start: T, end: T + 60, flags: 2, accepted: true },
}

test('ofObject() takes records of the key’s account and of none, and rejects another’s', () => {
  const seen = collecting()
  const sink = ofObject(logObjectOf(KEY) ?? { account: undefined }, seen.sink)
  for (const account of ['123456789012', 'unknown', undefined, '999999999999']) sink.flow({ ...flow, account })
  const window = { interface: flow.interface ?? '', start: T, end: T + 60, status: 'nodata' } as const
  for (const account of ['123456789012', '999999999999']) sink.coverage({ ...window, account })
  assert.deepEqual([seen.flows.length, seen.coverage.length], [3, 1])
  assert.deepEqual(
    seen.rejected.map(({ reason }) => reason),
    Array(2).fill('Cannot use flow record: field "account-id" is "999999999999", its object is of "123456789012"'),
  )
  assert.match(Buffer.from(seen.rejected[0]?.bytes ?? []).toString(), /203\.0\.113\.10/)
})

test('ofObject() rejects what another firewall than the key’s is said to have seen', () => {
  const seen = collecting()
  const key = 'AWSLogs/123456789012/network-firewall/alert/us-east-1/own/2026/11/18/11/a.log.gz'
  const sink = ofObject(logObjectOf(key) ?? { account: undefined }, seen.sink)
  for (const firewall of ['own', 'other']) {
    const record = { ...flow, interface: undefined, account: undefined, firewall }
    sink.flow(record)
    sink.alert({ ...record, kind: 'mining', rule: 'r', blocked: false, instance: undefined, time: T })
    sink.name({
      ...{ via: 'tls', name: 'example.net', addresses: [], client: '10.0.1.20', clientPort: 1, peerPort: 443 },
      ...{ instance: undefined, vpc: undefined, firewall, time: T },
    })
  }
  assert.deepEqual(seen.counts(), {
    ...{ flows: 1, coverage: 0, names: 1, alerts: 1, loads: 0, toolCalls: 0, rejected: 3 },
  })
  const anyKey = ofObject(logObjectOf('mine/flow.log') ?? { account: undefined }, seen.sink)
  anyKey.flow({ ...flow, account: '999999999999' })
  assert.equal(seen.flows.length, 2)
})
