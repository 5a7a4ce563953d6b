import * as z from 'zod'
import { BaseUrl } from '../http/address.ts'
import { Credential, httpSettings } from '../http/settings.ts'

export const PagerdutySettings = z.strictObject({
  target: z.literal('pagerduty'),
  /** `https://events.eu.pagerduty.com` for an account in the European Union. */
  url: BaseUrl.default('https://events.pagerduty.com'),
  /** The integration key of a service's Events API v2 integration. */
  routingKey: Credential.max(64),
  ...httpSettings,
})
export type PagerdutySettings = z.infer<typeof PagerdutySettings>
