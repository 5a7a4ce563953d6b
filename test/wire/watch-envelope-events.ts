/** What Lambda hands watch, by the ways in which things arrive. */

export const ACCOUNT = '123456789012'
export const REGION = 'eu-central-1'

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
