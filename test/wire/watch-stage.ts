import { readFileSync } from 'node:fs'
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { startFauxqs } from 'fauxqs'
import * as z from 'zod'
import { awsClients } from '../../functions/clouds/aws/clients.ts'
import { dynamoLedger } from '../../functions/clouds/aws/ledger.ts'
import { ledgerTable } from '../../functions/clouds/aws/ledger-table.ts'
import { deadLettersQueue, ordersQueue } from '../../functions/clouds/aws/message.ts'
import { instanceKey, readRow } from '../../functions/core/instance-row.ts'
import { createRespond } from '../../functions/entry/aws/respond.ts'
import { createVerify } from '../../functions/entry/aws/verify.ts'
import { createWatch } from '../../functions/entry/aws/watch.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import { addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { startSandbox } from '../../functions/sandbox/front.ts'
import { drainQueue, invocationOf } from '../../functions/sandbox/lambda.ts'

export const ACCOUNT = '123456789012'
export const REGION = 'eu-central-1'
/** The instances that the samples under events/ name. */
export const INSTANCE = 'i-0a1b2c3d4e5f60718'
export const OTHER = 'i-0b1b2c3d4e5f60718'

const EVENTS = new URL('../../events/', import.meta.url)

export function sample(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, EVENTS), 'utf8'))
}

const Letter = z.object({ source: z.string(), position: z.string(), reason: z.string() })

/**
 * The real watch, respond and verify over the sandbox's EC2, ledger and queues, and an S3 of its own. The samples' instances
 * are in scope and in the inventory, and the time is some minutes after what the samples tell of.
 */
export async function stageWatch(configuration: Readonly<Record<string, unknown>>) {
  const clock = createClock(Date.parse('2026-11-18T11:00:00Z'))
  const cloud = emptyCloud()
  for (const [name, host] of [
    [INSTANCE.slice(2), 20],
    [OTHER.slice(2), 21],
  ] as const)
    addInstance(cloud, { name, host, tags: { 'firebreak:scope': 'agent' } })
  const [sandbox, store] = await Promise.all([
    startSandbox({ clock, cloud, latencies: { ec2: 0, dynamodb: 0, sqs: 0 } }),
    startFauxqs({ port: 0, logger: false }),
  ])
  await sandbox.createTable(ledgerTable)
  const queue = await sandbox.createQueue(ordersQueue)
  const deadLetters = await sandbox.createQueue(deadLettersQueue)
  const environment = {
    ...sandbox.environment,
    AWS_ENDPOINT_URL_S3: store.address,
    AWS_MAX_ATTEMPTS: '1',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    FIREBREAK_CONFIG: JSON.stringify({
      account: ACCOUNT,
      table: ledgerTable.TableName,
      queue: queue.url,
      deadLetters: deadLetters.url,
      policy: { mode: 'enforce' },
      ...configuration,
    }),
  }
  const clients = awsClients(environment)
  const ledger = dynamoLedger(clients.documents, clock, { table: ledgerTable.TableName })
  const s3 = new S3Client({
    endpoint: store.address,
    region: REGION,
    forcePathStyle: true,
    credentials: { accessKeyId: 'SANDBOX', secretAccessKey: 'sandbox' },
  })
  let watch = createWatch(environment, { clock })
  const respond = createRespond(environment, { clock })
  const verify = createVerify(environment, { clock })
  await verify({}, invocationOf('firebreak-verify', 120_000))
  clock.set(Date.parse('2026-11-18T11:10:00Z'))
  const lane = { endpoint: sandbox.endpoint, region: REGION, queueUrl: queue.url, queueArn: queue.arn }

  async function taken(url: string): Promise<unknown[]> {
    const all: unknown[] = []
    for (;;) {
      const { Messages = [] } = await clients
        .sqs()
        .send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }))
      if (Messages.length === 0) return all
      for (const { Body = '', ReceiptHandle } of Messages) {
        all.push(JSON.parse(Body))
        await clients.sqs().send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
      }
    }
  }

  return {
    clock,
    sandbox,
    ledger,
    environment,
    watch: (event: unknown, milliseconds = 300_000) => watch(event, invocationOf('firebreak-watch', milliseconds)),
    /** Handles what stands in the lanes. */
    respond: () => drainQueue(lane, event => respond(event, invocationOf('firebreak-respond', 60_000))),
    orders: () => sandbox.queueLength(queue.url),
    /** What was put aside since the last call. */
    letters: async () => (await taken(deadLetters.url)).map(body => Letter.parse(body)),
    async put(bucket: string, key: string, body: Uint8Array | string): Promise<void> {
      store.createBucket(bucket)
      await s3.send(new PutObjectCommand({ Bucket: bucket, Key: key, Body: body }))
    },
    /** What is known of an instance, as it is kept. */
    async known(instance: string) {
      const row = await ledger.read(instanceKey(instance))
      return row ? readRow(row.value) : undefined
    },
    /** As if nothing had come of them: in the ledger, and in a function that starts anew. */
    async forget(...instances: readonly string[]): Promise<void> {
      watch = createWatch(environment, { clock })
      for (const instance of instances) await ledger.remove(instanceKey(instance), 'any')
    },
    async close(): Promise<void> {
      s3.destroy()
      clients.destroy()
      await Promise.all([sandbox.close(), store.stop()])
    },
  }
}

/** A notice as S3 writes it. */
export function noticeOf(
  ...objects: readonly { readonly bucket: string; readonly key: string; readonly size?: number }[]
) {
  return {
    Records: objects.map(({ bucket, key, size = 1024 }) => ({
      eventVersion: '2.1',
      eventSource: 'aws:s3',
      eventName: 'ObjectCreated:Put',
      s3: {
        bucket: { name: bucket, arn: `arn:aws:s3:::${bucket}` },
        object: { key: encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+'), size },
      },
    })),
  }
}

/** Messages of a queue, `m0`, `m1` and so on. */
export function queued(...bodies: readonly unknown[]) {
  return {
    Records: bodies.map((body, index) => ({
      messageId: `m${index}`,
      eventSource: 'aws:sqs',
      eventSourceARN: `arn:aws:sqs:${REGION}:${ACCOUNT}:log-objects`,
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })),
  }
}

/** What SNS sends a queue that listens to it. */
export function topicMessage(message: unknown) {
  return {
    Type: 'Notification',
    MessageId: '1',
    TopicArn: 'arn:aws:sns:eu-central-1:123456789012:t',
    Message: JSON.stringify(message),
  }
}

/** What SNS invokes a function with. */
export function topicEvent(message: unknown) {
  return { Records: [{ EventSource: 'aws:sns', EventVersion: '1.0', Sns: topicMessage(message) }] }
}

export function created(bucket: string, key: string) {
  return {
    version: '0',
    id: '17793124-05d4-b198-2fde-7ededc63b103',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    account: ACCOUNT,
    time: '2026-11-18T11:06:40Z',
    region: REGION,
    resources: [`arn:aws:s3:::${bucket}`],
    detail: { version: '0', bucket: { name: bucket }, object: { key, size: 1024 } },
  }
}

export const kinesisArn = (name: string) => `arn:aws:kinesis:${REGION}:${ACCOUNT}:stream/${name}`
export const firehoseArn = (name: string) => `arn:aws:firehose:${REGION}:${ACCOUNT}:deliverystream/${name}`

const base64 = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64')

export function kinesisEvent(name: string, ...records: readonly (Uint8Array | string)[]) {
  return {
    Records: records.map((data, index) => ({
      eventID: `shardId-000000000006:${1000 + index}`,
      eventSource: 'aws:kinesis',
      eventSourceARN: kinesisArn(name),
      kinesis: { partitionKey: 'k', sequenceNumber: String(1000 + index), data: base64(data) },
    })),
  }
}

export function firehoseEvent(name: string, ...records: readonly (Uint8Array | string)[]) {
  return {
    invocationId: '2b4d1ad9',
    deliveryStreamArn: firehoseArn(name),
    region: REGION,
    records: records.map((data, index) => ({
      recordId: `r${index}`,
      approximateArrivalTimestamp: 1,
      data: base64(data),
    })),
  }
}
