import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, beforeEach, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { created, noticeOf, queued } from './watch-envelope-events.ts'
import { INSTANCE, OTHER, stageWatch } from './watch-stage.ts'

const BUCKET = 'example-logs'
const MIXED = 'any-logs'
const FOLDER = 'AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/11/18'

const stage = await stageWatch({
  buckets: { [BUCKET]: { source: 'aws-vpc-flow' }, [MIXED]: {} },
})
after(() => stage.close())
beforeEach(async () => {
  await stage.forget(INSTANCE, OTHER)
  stage.store.reads.length = 0
})

const HEADER =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status'
const START = 1_795_000_000

/** A flow log's file; each record is a conversation's next minute or another conversation. */
function fileOf(records: number): string {
  const lines = Array.from({ length: records }, (_, index) => {
    const start = START + (index % 60)
    const peer = `203.0.113.${index % 250}`
    return `2 123456789012 eni-0a1b2c3d4e5f60718 10.0.1.20 ${peer} ${49_152 + (index % 10_000)} 443 6 9 ${4410 + index} ${start} ${start + 30} ACCEPT OK`
  })
  return `${[HEADER, ...lines].join('\n')}\n`
}

async function flowsKnown(): Promise<number> {
  const known = await stage.known(INSTANCE)
  return known ? known.state.conversations.size : 0
}

test('objects that are no logs are passed over and never asked for', async () => {
  const keys = ['', '_SUCCESS', 'manifest.csv', '.hidden.gz', 'x.log.gz/', 'index.html'].map(
    name => `${FOLDER}/${name}`,
  )
  const others = ['AWSLogs/123456789012/CloudTrail/us-east-1/2026/11/18/x.json.gz', 'mine/x.log']
  const notices = [
    ...keys.map(key => ({ bucket: BUCKET, key })),
    ...others.map(key => ({ bucket: MIXED, key })),
    { bucket: BUCKET, key: `${FOLDER}/empty.log.gz`, size: 0 },
    { bucket: BUCKET, key: 'AWSLogs/123456789012/network-firewall/alert/us-east-1/x.log.gz' },
  ]
  assert.deepEqual(await stage.watch(noticeOf(...notices)), { kind: 'judged', flows: 0, rejected: 0, findings: 0 })
  assert.deepEqual(await stage.letters(), [])
  assert.deepEqual(stage.store.reads, [])
})

test("a test notice, and a notice of what is deleted, are none of watch's business", async () => {
  const removed = noticeOf({ bucket: BUCKET, key: `${FOLDER}/x.log.gz` })
  for (const record of removed.Records) record.eventName = 'ObjectRemoved:Delete'
  const tested = { Service: 'Amazon S3', Event: 's3:TestEvent', Time: '2026-11-18T11:06:40Z', Bucket: BUCKET }
  assert.deepEqual(await stage.watch(queued(tested, removed)), { batchItemFailures: [] })
  assert.partialDeepStrictEqual(await stage.watch(tested), { kind: 'judged', flows: 0 })
  assert.deepEqual(await stage.letters(), [])
})

test('an object that no later try can read is one dead letter that names it, and holds back no other', async () => {
  await stage.put(BUCKET, `${FOLDER}/good.log.gz`, gzipSync(fileOf(3)))
  await stage.put(BUCKET, `${FOLDER}/none.log.gz`, 'no gzip')
  const foreign = 'AWSLogs/999999999999/vpcflowlogs/us-east-1/2026/11/18/x.log.gz'
  const notice = noticeOf(
    { bucket: 'other-logs', key: `${FOLDER}/x.log.gz` },
    { bucket: BUCKET, key: foreign },
    { bucket: BUCKET, key: `${FOLDER}/missing.log.gz` },
    { bucket: BUCKET, key: `${FOLDER}/none.log.gz` },
    { bucket: MIXED, key: 'AWSLogs/123456789012/vpcdnsquerylogs/x.log.parquet' },
    { bucket: BUCKET, key: `${FOLDER}/good.log.gz` },
  )
  assert.deepEqual(await stage.watch(queued(notice)), { batchItemFailures: [] })
  const letters = await stage.letters()
  assert.deepEqual(
    letters.map(({ source, position }) => [source, position]),
    notice.Records.slice(0, 5).map(({ s3 }) => ['objects', `s3://${s3.bucket.name}/${s3.object.key}`]),
  )
  const reasons = [
    /bucket "other-logs" is not configured/,
    /is of account "999999999999", not 123456789012/,
    /there is no such object \(NoSuchKey\)/,
    /its gzip is truncated or damaged/,
    /aws-resolver never comes as Parquet/,
  ]
  for (const [index, reason] of reasons.entries()) assert.match(letters[index]?.reason ?? '', reason)
  assert.equal(await flowsKnown(), 3)
})

test('a record of another account than its object’s is a dead letter, and the object’s own are judged', async () => {
  const lines = fileOf(3).trimEnd().split('\n')
  const forged = lines.map((line, at) => (at === 2 ? line.replace('123456789012', '999999999999') : line)).join('\n')
  assert.notEqual(forged, lines.join('\n'))
  await stage.put(BUCKET, `${FOLDER}/forged.log.gz`, gzipSync(`${forged}\n`))
  assert.partialDeepStrictEqual(await stage.watch(created(BUCKET, `${FOLDER}/forged.log.gz`)), { rejected: 1 })
  const [letter] = await stage.letters()
  assert.match(letter?.reason ?? '', /"account-id" is "999999999999", its object is of "123456789012"/)
})

test('access that is denied is a dead letter: without the right to list, S3 says so of a missing object too', async () => {
  await stage.put(BUCKET, `${FOLDER}/denied.log.gz`, gzipSync(fileOf(1)))
  stage.store.fates('deny')
  assert.partialDeepStrictEqual(await stage.watch(created(BUCKET, `${FOLDER}/denied.log.gz`)), { rejected: 1 })
  const [letter] = await stage.letters()
  assert.match(letter?.reason ?? '', /access is denied, or there is no such object \(AccessDenied\)/)
})

for (const fate of ['busy', 'break'] as const)
  test(`an object whose reading failed (${fate}) is delivered again, and its records count once`, async () => {
    const key = `${FOLDER}/${fate}.log.gz`
    await stage.put(BUCKET, key, gzipSync(fileOf(100)))
    const event = queued(
      noticeOf({ bucket: BUCKET, key: `${FOLDER}/missing.log.gz` }),
      noticeOf({ bucket: BUCKET, key }),
    )
    stage.store.fates('pass', fate)
    assert.deepEqual(await stage.watch(event), { batchItemFailures: [{ itemIdentifier: 'm1' }] })
    stage.store.fates(fate)
    await assert.rejects(stage.watch(noticeOf({ bucket: BUCKET, key })), /^RetryableError: Cannot read "s3:/)
    assert.partialDeepStrictEqual(await stage.watch(noticeOf({ bucket: BUCKET, key })), { flows: 100 })
    const once = await stage.known(INSTANCE)
    assert.equal(once?.state.conversations.size, 100)
    assert.partialDeepStrictEqual(await stage.watch(noticeOf({ bucket: BUCKET, key })), { flows: 100 })
    assert.deepEqual((await stage.known(INSTANCE))?.packed, once.packed)
    assert.equal((await stage.letters()).length, 1)
  })

test('of an object that is damaged halfway, what stands before the damage is judged', async () => {
  const whole = gzipSync(fileOf(20_000))
  await stage.put(BUCKET, `${FOLDER}/cut.log.gz`, whole.subarray(0, whole.length >> 1))
  await stage.watch(noticeOf({ bucket: BUCKET, key: `${FOLDER}/cut.log.gz` }))
  assert.match((await stage.letters())[0]?.reason ?? '', /its gzip is truncated or damaged/)
  assert.ok((await flowsKnown()) > 0)
})

test('a large object is judged in pieces', async () => {
  await stage.put(BUCKET, `${FOLDER}/large.log.gz`, gzipSync(fileOf(120_000)))
  const before = stage.sandbox.calls.length
  const answer = await stage.watch(noticeOf({ bucket: BUCKET, key: `${FOLDER}/large.log.gz` }))
  assert.partialDeepStrictEqual(answer, { kind: 'judged', flows: 120_000 })
  const writes = stage.sandbox.calls
    .slice(before)
    .filter(({ action, target }) => action === 'PutItem' && target?.includes(`traffic/${INSTANCE}`))
  assert.ok(writes.length >= 3, `${writes.length} writes`)
})

test('a Parquet file is read in ranges, all of one version', async () => {
  const bytes = readFileSync(new URL('../../events/aws-vpc-flow/v2.parquet', import.meta.url))
  await stage.put(BUCKET, `${FOLDER}/x.log.parquet`, bytes)
  const answer = await stage.watch(noticeOf({ bucket: BUCKET, key: `${FOLDER}/x.log.parquet` }))
  assert.partialDeepStrictEqual(answer, { kind: 'judged', flows: 3 })
  assert.ok(stage.store.reads.length > 1)
  for (const read of stage.store.reads) assert.match(read, / bytes=\d+-\d+$/)
  await stage.put(BUCKET, `${FOLDER}/none.log.parquet`, 'PAR1 and no more')
  await stage.watch(noticeOf({ bucket: BUCKET, key: `${FOLDER}/none.log.parquet` }))
  assert.match((await stage.letters())[0]?.reason ?? '', /Cannot read Parquet flow log/)
})

test('a range that cannot be read now is no word on the file: it is delivered again', async () => {
  const bytes = readFileSync(new URL('../../events/aws-vpc-flow/v2.parquet', import.meta.url))
  await stage.put(BUCKET, `${FOLDER}/y.log.parquet`, bytes)
  stage.store.fates('pass', 'busy')
  const event = queued(noticeOf({ bucket: BUCKET, key: `${FOLDER}/y.log.parquet` }))
  assert.deepEqual(await stage.watch(event), { batchItemFailures: [{ itemIdentifier: 'm0' }] })
  assert.deepEqual(await stage.letters(), [])
})

test('messages for which no time is left are not begun and come again', async () => {
  await stage.put(BUCKET, `${FOLDER}/late.log.gz`, gzipSync(fileOf(1)))
  const notice = noticeOf({ bucket: BUCKET, key: `${FOLDER}/late.log.gz` })
  const answer = await stage.watch(queued(notice, notice), 9000)
  assert.deepEqual(answer, { batchItemFailures: [{ itemIdentifier: 'm0' }, { itemIdentifier: 'm1' }] })
  assert.deepEqual(stage.store.reads, [])
})
