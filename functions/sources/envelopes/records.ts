import * as z from 'zod'
import { InputError } from '../../core/errors.ts'
import type { Rejected } from '../../core/flow.ts'
import { fromBase64 } from './base64.ts'
import { parseRecord } from './fields.ts'
import { gunzip } from './gunzip.ts'
import { headOfText } from './head.ts'
import { parseJson } from './json.ts'
import { type Delivery, readMessage } from './subscription.ts'

/** What a stream or a queue carried, opened; one that cannot be opened is rejected and the others stand. */
export interface Opened<T> {
  readonly records: readonly { readonly id: string; readonly content: T }[]
  readonly rejected: readonly Rejected[]
  /** The ARN of the stream or queue, which is the platform's word; `undefined` where it does not say. */
  readonly from: string | undefined
}

/** A subscription's delivery, or lines of a log as a source reads them. */
export type Carried =
  | { readonly kind: 'subscription'; readonly delivery: Delivery }
  | { readonly kind: 'lines'; readonly bytes: Uint8Array }

const id = z.string().min(1).max(512)

const arn = z.string().max(2048)

const Kinesis = z.object({
  Records: z
    .array(
      z.object({
        eventID: id,
        eventSource: z.literal('aws:kinesis'),
        eventSourceARN: arn.optional(),
        kinesis: z.object({ data: z.string() }),
      }),
    )
    .max(10_000),
})

const Firehose = z.object({
  invocationId: id,
  deliveryStreamArn: arn,
  // 3 MB at most, and a flow record of 100 bytes may be a record of its own.
  records: z.array(z.object({ recordId: id, data: z.string() })).max(100_000),
})

const Queue = z.object({
  Records: z
    .array(
      z.object({
        messageId: id,
        eventSource: z.literal('aws:sqs'),
        eventSourceARN: arn.optional(),
        body: z.string(),
      }),
    )
    .max(10_000),
})

const MAX_BYTES = 64 * 1024 * 1024

/** Opens what Lambda hands on from a Kinesis stream. @throws InputError for what is none of it. */
export function openKinesis(event: unknown, most = MAX_BYTES): Opened<Carried> {
  const { Records } = parseRecord(Kinesis, event, 'Kinesis event')
  return openAll(
    Records.map(({ eventID, kinesis }) => ({ id: eventID, text: kinesis.data })),
    data => carried(data, 'Kinesis record', most),
    Records[0]?.eventSourceARN,
  )
}

/** Opens what a Firehose stream hands on to its transformation. @throws InputError for what is none of it. */
export function openFirehose(event: unknown, most = MAX_BYTES): Opened<Carried> {
  const { records, deliveryStreamArn } = parseRecord(Firehose, event, 'Firehose event')
  return openAll(
    records.map(({ recordId, data }) => ({ id: recordId, text: data })),
    data => carried(data, 'Firehose record', most),
    deliveryStreamArn,
  )
}

/** Opens messages of an SQS queue with `open`, which gets their JSON. @throws InputError for what is none of it. */
export function openQueue<T>(event: unknown, open: (body: unknown) => T): Opened<T> {
  const { Records } = parseRecord(Queue, event, 'SQS event')
  return openAll(
    Records.map(({ messageId, body }) => ({ id: messageId, text: body })),
    body => open(parseJson(body, 'SQS message')),
    Records[0]?.eventSourceARN,
  )
}

function openAll<T>(
  given: readonly { readonly id: string; readonly text: string }[],
  open: (text: string) => T,
  from: string | undefined,
): Opened<T> {
  const records: { id: string; content: T }[] = []
  const rejected: Rejected[] = []
  for (const { id, text } of given)
    try {
      records.push({ id, content: open(text) })
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      rejected.push({ position: `record ${id}`, reason: thrown.message, ...headOfText(text) })
    }
  return { records, rejected, from }
}

/** A subscription is gzip of JSON with a message type; whatever else comes is lines, gzip or not. */
function carried(data: string, what: string, most: number): Carried {
  const given = fromBase64(data, what)
  const bytes = given[0] === 0x1f && given[1] === 0x8b ? gunzip(given, most, what) : given
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4096)).toString('latin1')
  if (text.startsWith('{') && text.includes('"messageType"'))
    return { kind: 'subscription', delivery: readMessage(bytes) }
  return { kind: 'lines', bytes: text.startsWith('{"message":') ? unwrapped(bytes, what) : bytes }
}

/** Vended logs come to Firehose one to a line, as `{"message":"<the line>"}`. */
function unwrapped(bytes: Uint8Array, what: string): Uint8Array {
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8').split('\n')
  const messages = lines
    .filter(line => line.trim() !== '')
    .map(line => parseRecord(Wrapped, parseJson(line, what), what).message)
  return Buffer.from(messages.join('\n'))
}

const Wrapped = z.object({ message: z.string() })
