import * as z from 'zod'
import type { CloudEvent } from '../../core/source.ts'
import { parseRecord, seconds } from './fields.ts'

/** An event of EventBridge (EventBridge User Guide, "AWS event structure"). */
const BridgeEvent = z.object({
  id: z.string().min(1).max(256),
  account: z.string().max(64),
  region: z.string().max(64),
  source: z.string().min(1).max(256),
  'detail-type': z.string().min(1).max(256),
  time: seconds,
  detail: z.unknown(),
})

/** @throws InputError for what is no event of the bus. */
export function openBridgeEvent(event: unknown): CloudEvent {
  const { 'detail-type': type, ...rest } = parseRecord(BridgeEvent, event, 'EventBridge event')
  return { ...rest, type, detail: rest.detail }
}
