import * as z from 'zod'
import { BaseUrl } from '../http/address.ts'
import { Credential, httpSettings } from '../http/settings.ts'

export const SlackSettings = z.strictObject({
  target: z.literal('slack'),
  url: BaseUrl.default('https://slack.com/api'),
  /** A bot's, with the scopes `chat:write` and `channels:history` (`groups:history` for a private channel). */
  token: Credential,
  /** Its id; the bot is a member. */
  channel: z.string().regex(/^[CG][A-Z0-9]{6,20}$/, 'the id of a channel'),
  ...httpSettings,
})
export type SlackSettings = z.infer<typeof SlackSettings>
