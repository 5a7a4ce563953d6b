import * as z from 'zod'
import { BaseUrl } from '../http/address.ts'
import { Credential, httpSettings } from '../http/settings.ts'

export const GitlabSettings = z.strictObject({
  target: z.literal('gitlab'),
  url: BaseUrl.default('https://gitlab.com'),
  /** A project access token with the scope `api` and the role Reporter or more. */
  token: Credential,
  /** Its id, or its path with the groups. */
  project: z.string().regex(/^[\w.-]{1,100}(?:\/[\w.-]{1,100}){0,19}$/, 'an id or GROUP/PROJECT'),
  labels: z
    .array(
      z
        .string()
        .min(1)
        .max(255)
        .regex(/^[^,]*$/, 'no commas'),
    )
    .max(20)
    .default([]),
  /** Only the project's members see the issue. */
  confidential: z.boolean().default(true),
  ...httpSettings,
})
export type GitlabSettings = z.infer<typeof GitlabSettings>
