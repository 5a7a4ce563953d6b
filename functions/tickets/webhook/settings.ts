import * as z from 'zod'
import { TrackerUrl } from '../http/address.ts'
import { httpSettings } from '../http/settings.ts'

export const WebhookSettings = z.strictObject({
  target: z.literal('webhook'),
  url: TrackerUrl,
  /** Shared with the receiver; the key of the signature. */
  secret: z.string().min(16).max(1024),
  ...httpSettings,
})
export type WebhookSettings = z.infer<typeof WebhookSettings>
