import * as z from 'zod'
import type { Permission } from '../../core/ports.ts'

/** What respond and verify ask of the function `revoke`, and what it answers. */

/** As it is deployed (infra/aws/functions.ts). */
export const REVOKE_FUNCTION = 'firebreak-revoke'

const id = z.string().regex(/^[\w.-]{1,64}$/)
const arn = z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:instance-profile\/[\w+=,.@/-]{1,640}$/)
const names = z.array(z.string().max(576)).max(32)

export const RevokeRequest = z.strictObject({
  /** revoke: deny · check: read whether the deny stands · look: read what somebody else changed since · restore: take back. */
  verb: z.enum(['revoke', 'check', 'look', 'restore']),
  incident: id,
  instance: z.string().regex(/^i-[\w-]{1,60}$/),
  /** The instance profile as the restore point has it. */
  profile: arn.optional(),
  /** Roles that bear the deny already, path and name. */
  roles: names.default([]),
  /** The instance profile is taken from the instance, or given back to it. */
  withProfile: z.boolean().default(false),
})
export type RevokeRequest = z.infer<typeof RevokeRequest>

export const RevokeAnswer = z.object({
  done: z.array(z.string().max(2048)),
  unable: z.array(z.string().max(2048)),
  /** Of a check: what does not stand as it should. */
  missing: z.array(z.string().max(2048)),
  /** Of a look: what stands neither as it was left nor as it was before. */
  drifts: z
    .array(z.object({ resource: z.string().max(2048), left: z.string().max(2048), found: z.string().max(2048) }))
    .default([]),
  roles: names,
})
export type RevokeAnswer = z.infer<typeof RevokeAnswer>

/** Asks the function `revoke` and waits for its answer. Throws where it failed. */
export type Revoke = (request: z.input<typeof RevokeRequest>, signal: AbortSignal) => Promise<RevokeAnswer>

export interface CredentialSettings {
  /** Names of roles, with their path where they have one, whose credentials may be revoked. */
  readonly roles: readonly string[]
  /** Takes the instance profile away as well. */
  readonly removeProfile: boolean
}

export const invokeRevokePermission: Permission = {
  actions: ['lambda:InvokeFunction'],
  resources: [`arn:aws:lambda:*:*:function:${REVOKE_FUNCTION}`],
}

/** A role's name without its path, as IAM's calls take it. */
export function bare(role: string): string {
  return role.slice(role.lastIndexOf('/') + 1)
}

/** Of the incident's own inline policy. */
export function policyName({ incident }: Pick<RevokeRequest, 'incident'>): string {
  return `firebreak-${incident}`
}
