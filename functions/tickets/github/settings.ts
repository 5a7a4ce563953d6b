import * as z from 'zod'
import { BaseUrl } from '../http/address.ts'
import { Credential, httpSettings } from '../http/settings.ts'

export const GithubSettings = z.strictObject({
  target: z.literal('github'),
  /** Of the REST API; GitHub Enterprise Server's is `https://HOST/api/v3`. */
  url: BaseUrl.default('https://api.github.com'),
  /** Fine-grained, with read and write access to the repository's issues. */
  token: Credential,
  repository: z.string().regex(/^[\w.-]{1,100}\/[\w.-]{1,100}$/, 'OWNER/NAME'),
  /** Of a new issue. GitHub refuses one that does not exist where the token may not push. */
  labels: z.array(z.string().min(1).max(50)).max(20).default([]),
  ...httpSettings,
})
export type GithubSettings = z.infer<typeof GithubSettings>
