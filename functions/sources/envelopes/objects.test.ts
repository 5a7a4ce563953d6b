import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from '../../core/errors.ts'
import { logObjectOf, openObjectNotice } from './objects.ts'

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
    ...{ source: 'aws-network-firewall', account, encoding: 'gzip' },
  })
  assert.equal(logObjectOf(`AWSLogs/${account}/vpcdnsquerylogs/vpc-1/2026/11/18/a.log.gz`)?.source, 'aws-resolver')
  assert.deepEqual(logObjectOf('mine/flow.log'), { source: undefined, account: undefined, encoding: 'plain' })
  for (const key of ['AWSLogs/1/vpcflowlogs/', '_SUCCESS', 'a/_manifest.json', '.keep.log', 'image.png', ''])
    assert.equal(logObjectOf(key), undefined, key)
})
