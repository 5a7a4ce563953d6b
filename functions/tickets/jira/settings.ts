import * as z from 'zod'
import { BaseUrl } from '../http/address.ts'
import { Credential, httpSettings } from '../http/settings.ts'

export const JiraSettings = z
  .strictObject({
    target: z.literal('jira'),
    /** `https://SITE.atlassian.net`, or the base address of a Data Center. */
    url: BaseUrl,
    deployment: z.enum(['cloud', 'datacenter']).default('cloud'),
    /** Whose API token it is, on Cloud. On Data Center the token is a personal access token and needs none. */
    email: z.email().max(254).optional(),
    token: Credential,
    project: z.string().regex(/^[A-Z][A-Z0-9_]{1,99}$/, 'the key of a project'),
    issueType: z.string().min(1).max(60).default('Task'),
    /** The name of the transition that closes. Default: the first that leads to a status of the category Done. */
    closeTransition: z.string().min(1).max(60).optional(),
    /** How long to look for an issue of which nobody knows whether it was opened: Jira's search learns of it after some seconds. */
    settleMs: z.number().int().min(0).max(60_000).default(8000),
    ...httpSettings,
  })
  .refine(({ deployment, email }) => deployment === 'datacenter' || email !== undefined, {
    path: ['email'],
    error: 'Jira Cloud needs the email address that the token belongs to',
  })
export type JiraSettings = z.infer<typeof JiraSettings>
