import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { CloudWatchLogsClient, FilterLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import { EC2Client, GetConsoleOutputCommand, GetConsoleScreenshotCommand } from '@aws-sdk/client-ec2'
import {
  GetObjectCommand,
  GetObjectLockConfigurationCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  S3Client,
} from '@aws-sdk/client-s3'
import { createClock } from '../../functions/sandbox/clock.ts'
import { addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { type Sandbox, startSandbox } from '../../functions/sandbox/front.ts'
import { createLogStore } from '../../functions/sandbox/logs/store.ts'
import { connection, START } from './sandbox-stage.ts'

const cloud = emptyCloud()
const logs = createLogStore(1000)
let sandbox: Sandbox
let s3: S3Client
let search: CloudWatchLogsClient
let ec2: EC2Client

before(async () => {
  addInstance(cloud, { name: 'agent', host: 10 })
  const none = { ec2: 0, s3: 0, logs: 0 }
  sandbox = await startSandbox({ clock: createClock(START), cloud, logs, latencies: none })
  const settings = { ...connection(sandbox), maxAttempts: 1 }
  s3 = new S3Client({ ...settings, forcePathStyle: true })
  search = new CloudWatchLogsClient(settings)
  ec2 = new EC2Client(settings)
  sandbox.createBucket('plain')
  sandbox.createBucket('locked', {})
  sandbox.createBucket('usual', { mode: 'GOVERNANCE', days: 7 })
})
after(async () => {
  for (const client of [s3, search, ec2]) client.destroy()
  await sandbox.close()
})

const digest = (text: string) => createHash('sha256').update(text).digest('base64')
const put = (input: Partial<PutObjectCommandInput>) =>
  s3.send(
    new PutObjectCommand({ Bucket: 'plain', Key: 'a/b c', Body: 'text', ChecksumSHA256: digest('text'), ...input }),
  )

/** That the SDK makes the error of it that S3's would make. */
async function refused(answer: Promise<unknown>, name: string, status: number): Promise<void> {
  await assert.rejects(answer, (thrown: unknown) => {
    assert.ok(thrown instanceof Error && '$metadata' in thrown, String(thrown))
    assert.deepEqual([thrown.name, Object(thrown.$metadata)['httpStatusCode']], [name, status])
    return true
  })
}

test('S3 keeps an object under the digest that it came with and shows it when it is asked for', async () => {
  await put({})
  const of = { Bucket: 'plain', Key: 'a/b c' }
  const shown = await s3.send(new HeadObjectCommand({ ...of, ChecksumMode: 'ENABLED' }))
  assert.deepEqual([shown.ContentLength, shown.ChecksumSHA256, shown.VersionId], [4, digest('text'), undefined])
  assert.equal((await s3.send(new HeadObjectCommand(of))).ChecksumSHA256, undefined)
  const { Body } = await s3.send(new GetObjectCommand(of))
  assert.equal(await Body?.transformToString(), 'text')
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: 'plain', Prefix: 'a/' }))
  assert.deepEqual(
    Contents.map(({ Key, Size }) => [Key, Size]),
    [['a/b c', 4]],
  )
})

test('S3 refuses bytes that are not those of their digest', async () => {
  await refused(put({ Key: 'other', ChecksumSHA256: digest('other') }), 'BadDigest', 400)
  await refused(put({ Key: 'other', ChecksumSHA256: 'AAAA' }), 'InvalidRequest', 400)
  await refused(s3.send(new HeadObjectCommand({ Bucket: 'plain', Key: 'other' })), 'NotFound', 404)
})

test('S3 writes nothing over what stands where nothing may stand', async () => {
  await put({ Key: 'once', IfNoneMatch: '*' })
  await refused(
    put({ Key: 'once', Body: 'more', ChecksumSHA256: digest('more'), IfNoneMatch: '*' }),
    'PreconditionFailed',
    412,
  )
  const { ChecksumSHA256 } = await s3.send(
    new HeadObjectCommand({ Bucket: 'plain', Key: 'once', ChecksumMode: 'ENABLED' }),
  )
  assert.equal(ChecksumSHA256, digest('text'))
})

test('S3 locks an object only in a bucket with object lock, for a time that is yet to come, and keeps versions there', async () => {
  const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: new Date(START + 86_400_000) } as const
  await refused(put(lock), 'InvalidRequest', 400)
  await refused(put({ ...lock, Bucket: 'locked', ObjectLockRetainUntilDate: new Date(START) }), 'InvalidArgument', 400)
  const { VersionId: first = '' } = await put({ ...lock, Bucket: 'locked' })
  const { VersionId: second = '' } = await put({ Bucket: 'locked', Body: 'more', ChecksumSHA256: digest('more') })
  assert.ok(first !== '' && second !== '' && first !== second)
  const of = { Bucket: 'locked', Key: 'a/b c' }
  const older = await s3.send(new HeadObjectCommand({ ...of, VersionId: first }))
  assert.deepEqual(
    [older.ContentLength, older.ObjectLockMode, older.ObjectLockRetainUntilDate?.getTime()],
    [4, 'GOVERNANCE', START + 86_400_000],
  )
  assert.equal((await s3.send(new HeadObjectCommand(of))).VersionId, second)
  await refused(s3.send(new HeadObjectCommand({ ...of, VersionId: 'none' })), 'NotFound', 404)
  await put({ Bucket: 'usual' })
  const usual = await s3.send(new HeadObjectCommand({ Bucket: 'usual', Key: 'a/b c' }))
  assert.equal(usual.ObjectLockRetainUntilDate?.getTime(), START + 7 * 86_400_000)
})

test('S3 says of a bucket whether it has object lock', async () => {
  const ask = (Bucket: string) => s3.send(new GetObjectLockConfigurationCommand({ Bucket }))
  await refused(ask('plain'), 'ObjectLockConfigurationNotFoundError', 404)
  await refused(ask('nowhere'), 'NoSuchBucket', 404)
  assert.deepEqual((await ask('locked')).ObjectLockConfiguration, { ObjectLockEnabled: 'Enabled' })
  assert.deepEqual((await ask('usual')).ObjectLockConfiguration?.Rule?.DefaultRetention, {
    Mode: 'GOVERNANCE',
    Days: 7,
  })
})

for (const [kind, name, status] of [
  ['throttle', 'SlowDown', 503],
  ['error', 'InternalError', 500],
  ['denied', 'AccessDenied', 403],
] as const)
  test(`S3 fails as S3 does: ${kind} is ${name}`, async () => {
    sandbox.fault('s3', 'PutObject', 1, kind)
    await refused(put({ Key: kind }), name, status)
    await refused(s3.send(new HeadObjectCommand({ Bucket: 'plain', Key: kind })), 'NotFound', 404)
  })

test('CloudWatch Logs gives records of the time and pattern, page by page, from either end', async () => {
  const records = Array.from({ length: 25 }, (_, index) => ({
    timestamp: START + index,
    message: `${index % 2 === 0 ? 'even' : 'odd'} ${index}`,
  }))
  logs.put({ group: '/example', stream: 'one', records, at: START + 100 })
  const ask = (more: object) =>
    search.send(
      new FilterLogEventsCommand({
        logGroupName: '/example',
        filterPattern: '"even"',
        startTime: START + 2,
        endTime: START + 20,
        limit: 4,
        ...more,
      }),
    )
  const read = async (more: object) => {
    const numbers: number[] = []
    let nextToken: string | undefined
    do {
      const page = await ask({ ...more, ...(nextToken ? { nextToken } : {}) })
      assert.ok((page.events ?? []).length <= 4)
      for (const { message, logStreamName, ingestionTime } of page.events ?? []) {
        assert.deepEqual([logStreamName, ingestionTime], ['one', START + 100])
        numbers.push(Number(message?.slice('even '.length)))
      }
      nextToken = page.nextToken
    } while (nextToken)
    return numbers
  }
  const wanted = [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
  assert.deepEqual(await read({}), wanted)
  assert.deepEqual(await read({ startFromHead: false }), wanted.toReversed())
  const { nextToken } = await ask({})
  await refused(ask({ nextToken, endTime: START + 21 }), 'InvalidParameterException', 400)
  await refused(ask({ filterPattern: '{' }), 'InvalidParameterException', 400)
  await refused(ask({ startFromHead: false, startTime: 1 }), 'InvalidParameterException', 400)
  await refused(ask({ logGroupName: '/nobody' }), 'ResourceNotFoundException', 400)
  sandbox.fault('logs', 'FilterLogEvents', 1, 'throttle')
  await refused(ask({}), 'ThrottlingException', 400)
})

test('a log group keeps its newest records', async () => {
  for (let batch = 0; batch < 5; batch++) {
    const records = Array.from({ length: 700 }, (_, index) => ({
      timestamp: START + batch * 700 + index,
      message: 'x',
    }))
    logs.put({ group: '/large', stream: 'one', records, at: START })
  }
  const kept = logs.recordsIn('/large') ?? []
  assert.equal(kept.length, 1000)
  assert.equal(kept[0]?.timestamp, START + 2500)
})

test('EC2 shows the console, the latest output on Nitro only, and the screen of what runs', async () => {
  const instance = cloud.instances.get('i-agent')
  assert.ok(instance)
  const output = async (Latest?: boolean) => {
    const answer = await ec2.send(new GetConsoleOutputCommand({ InstanceId: 'i-agent', ...(Latest ? { Latest } : {}) }))
    return [Buffer.from(answer.Output ?? '', 'base64').toString(), answer.Timestamp?.getTime()] as const
  }
  instance.console = `${'x'.repeat(70_000)}<last> & "line"`
  const [text, at] = await output(true)
  assert.equal(text.length, 65_536)
  assert.ok(text.endsWith('<last> & "line"'))
  assert.equal(at, START)
  Object.assign(instance, { type: 'm4.large' })
  await refused(output(true), 'UnsupportedOperation', 400)
  assert.equal((await output())[1], instance.launchedAt)
  const screen = () => ec2.send(new GetConsoleScreenshotCommand({ InstanceId: 'i-agent' }))
  assert.deepEqual([...Buffer.from((await screen()).ImageData ?? '', 'base64').subarray(0, 3)], [0xff, 0xd8, 0xff])
  instance.state = 'stopped'
  await refused(screen(), 'IncorrectInstanceState', 400)
})
