import * as z from 'zod'
import { InputError } from '../../core/errors.ts'
import type { Rejected } from '../../core/flow.ts'
import type { LogBatch, LogEvent } from '../../core/source.ts'
import { fromBase64 } from './base64.ts'
import { gunzip } from './gunzip.ts'
import { headOfText } from './head.ts'
import { parseJson } from './json.ts'

/** What CloudWatch Logs sends a subscribed function: base64 of gzip of JSON (CloudWatch Logs User Guide, "Subscriptions"). */
const Payload = z.object({ awslogs: z.object({ data: z.string().min(1) }) })

const name = z.string().min(1).max(512)

const Message = z.discriminatedUnion('messageType', [
  /** Sent now and then to check that the destination can be reached. */
  z.object({ messageType: z.literal('CONTROL_MESSAGE') }),
  z.object({
    messageType: z.literal('DATA_MESSAGE'),
    /** Twelve digits today. */
    owner: z.string().min(1).max(64),
    logGroup: name,
    logStream: name,
    logEvents: z.array(z.unknown()),
  }),
])

export type Delivery =
  | { readonly kind: 'control' }
  /** `rejected`: events that are none; the others stand. */
  | ({ readonly kind: 'events'; readonly rejected: readonly Rejected[] } & LogBatch)

/** The largest function payload is 6 MB, and logs shrink to a tenth. */
const MAX_BYTES = 64 * 1024 * 1024

/** Events that are none are kept one by one up to here; CloudWatch Logs sends none at all. */
const MAX_REJECTED = 1000

const WHAT = 'log subscription'

/**
 * Opens a subscription payload, as it is delivered to a function.
 * @throws InputError for what is no payload; then the whole delivery is one dead letter.
 */
export function openSubscription(event: unknown, most = MAX_BYTES): Delivery {
  const payload = Payload.safeParse(event)
  if (!payload.success) throw new InputError(`Cannot read ${WHAT}: ${z.prettifyError(payload.error)}`)
  return readMessage(gunzip(fromBase64(payload.data.awslogs.data, WHAT), most, WHAT))
}

/** Reads the message itself, as streams carry it that have decompressed it. */
export function readMessage(bytes: Uint8Array): Delivery {
  const text = utf8(bytes)
  const message = Message.safeParse(parseJson(text, WHAT))
  if (!message.success) throw new InputError(`Cannot read ${WHAT}: ${z.prettifyError(message.error)}`)
  const { data } = message
  if (data.messageType === 'CONTROL_MESSAGE') return { kind: 'control' }
  const events: LogEvent[] = []
  const rejected: Rejected[] = []
  let more = 0
  const reason = `Cannot read ${WHAT}: an event needs an id, a timestamp and a message`
  data.logEvents.forEach((event, index) => {
    if (isEvent(event)) events.push(event)
    else if (rejected.length === MAX_REJECTED) more++
    else rejected.push({ position: `event ${index}`, reason, ...headOfText(JSON.stringify(event)) })
  })
  if (more > 0)
    rejected.push({ position: 'events', reason: `${reason}; ${more} more have none`, bytes: new Uint8Array() })
  return { kind: 'events', owner: data.owner, group: data.logGroup, stream: data.logStream, events, rejected }
}

/** By hand: a delivery holds tens of thousands of events, and they are all of this one shape. */
function isEvent(event: unknown): event is LogEvent {
  return (
    typeof event === 'object' &&
    event !== null &&
    'id' in event &&
    typeof event.id === 'string' &&
    event.id.length <= 256 &&
    'timestamp' in event &&
    typeof event.timestamp === 'number' &&
    'message' in event &&
    typeof event.message === 'string'
  )
}

/** Damaged UTF-8 becomes U+FFFD, which no field that is read may hold: the record that has it is rejected, not the batch. */
function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
}
