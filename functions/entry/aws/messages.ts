import * as z from 'zod'
import { InputError } from '../../core/errors.ts'
import type { CloudEvent } from '../../core/source.ts'
import { openBridgeEvent } from '../../sources/envelopes/eventbridge.ts'
import { parseRecord } from '../../sources/envelopes/fields.ts'
import { parseJson } from '../../sources/envelopes/json.ts'
import { type ObjectNotice, openObjectNotice } from '../../sources/envelopes/objects.ts'

/** What the bus, a queue or a topic brings: notices of objects, or a provider's own word. */
export type Message =
  | { readonly kind: 'objects'; readonly notices: readonly ObjectNotice[] }
  | { readonly kind: 'event'; readonly event: CloudEvent }

const Topic = z.object({ Type: z.literal('Notification'), Message: z.string() })
const TopicEvent = z.object({ Records: z.array(z.object({ Sns: z.object({ Message: z.string() }) })).max(1000) })

/** @throws InputError for what is neither, and for an event that tells of something else than a new object in S3. */
export function openMessage(body: unknown): Message {
  const topic = Topic.safeParse(body)
  const inner = topic.success ? parseJson(topic.data.Message, 'topic message') : body
  if (typeof inner === 'object' && inner !== null && 'detail-type' in inner) {
    const event = openBridgeEvent(inner)
    if (event.source !== 'aws.s3') return { kind: 'event', event }
  }
  if (topic.success && Topic.safeParse(inner).success)
    throw new InputError("Cannot parse topic message: it is a topic's message again")
  return { kind: 'objects', notices: openObjectNotice(inner) }
}

/** What SNS invokes a function with. @throws InputError for what is none of it. */
export function openTopic(event: unknown): unknown[] {
  const { Records } = parseRecord(TopicEvent, event, 'SNS event')
  return Records.map(({ Sns }) => parseJson(Sns.Message, 'SNS message'))
}
