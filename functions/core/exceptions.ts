import * as z from 'zod'
import { AddressRange, Suffix } from './rule-settings.ts'
import { TagSelector } from './tag-selector.ts'

export const Mode = z.enum(['observe', 'approve', 'enforce'])
export type Mode = z.infer<typeof Mode>

const where = {
  rule: z.string().min(1).max(64).optional(),
  /** Tags may be written by the intruder: see `Standing` in weighing.ts. */
  scope: TagSelector.optional(),
  vpc: z.string().min(1).max(64).optional(),
}

/** The first that applies to a rule's signals on an instance decides their mode. */
export const ModeException = z.strictObject({ ...where, mode: Mode })
export type ModeException = z.infer<typeof ModeException>

/** What somebody answers for not being told of, for a time. All that is given must apply. */
export const Suppression = z
  .strictObject({
    ...where,
    instance: z.string().min(1).max(64).optional(),
    peer: AddressRange.optional(),
    /** And all names below it. */
    name: Suffix.optional(),
    owner: z.string().min(1).max(256),
    reason: z.string().min(1).max(512),
    /** The last day, UTC. */
    expires: z.iso.date(),
  })
  .refine(
    ({ rule, scope, vpc, instance, peer, name }) =>
      [rule, scope, vpc, instance, peer, name].some(one => one !== undefined),
    'a suppression needs a rule, scope, vpc, instance, peer or name: without one it silences everything',
  )
export type Suppression = z.infer<typeof Suppression>
