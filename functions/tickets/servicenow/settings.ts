import * as z from 'zod'
import { BaseUrl } from '../http/address.ts'
import { Credential, httpSettings } from '../http/settings.ts'

export const ServicenowSettings = z.strictObject({
  target: z.literal('servicenow'),
  /** `https://INSTANCE.service-now.com`. */
  url: BaseUrl,
  /** May read, write and create records of the table. */
  user: z.string().regex(/^[\x21-\x39\x3b-\x7e]{1,100}$/, 'visible ASCII characters without a colon'),
  password: Credential,
  /** One that extends `task`, such as `sn_si_incident` of Security Incident Response. */
  table: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,79}$/, 'the name of a table')
    .default('incident'),
  /** The value of `state` at a release; of incidents 6 is Resolved and 7 Closed. */
  closeState: z
    .string()
    .regex(/^-?\d{1,4}$/, 'a number')
    .default('6'),
  /** One of the table's choices; a release needs it where the data policy asks for it. */
  closeCode: z.string().min(1).max(40).default('Solution provided'),
  ...httpSettings,
})
export type ServicenowSettings = z.infer<typeof ServicenowSettings>
