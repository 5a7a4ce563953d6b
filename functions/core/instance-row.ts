import * as z from 'zod'
import { InputError, quoted } from './errors.ts'
import { Decision, Finding } from './finding.ts'
import type { InstanceState } from './instance-state.ts'
import type { Key } from './ports.ts'
import { unpackState } from './state-packing.ts'

/** What was reported of an instance, so that the same is not reported again with every delivery. */
export const Told = z.object({
  decision: Decision,
  /** The peers that findings named; newest last, bounded. */
  peers: z.array(z.string().max(128)).max(128),
  /** The kinds of breakout that findings named (`Scored.kinds`), bounded; rows of before they were kept have none. */
  kinds: z.array(z.string().max(320)).max(128).optional(),
  /** Milliseconds since the epoch. */
  at: z.number(),
  findings: z.number().int(),
})
export type Told = z.infer<typeof Told>

/** With their signals bounded, this many fit in the row beside the state. */
export const MAX_OWED = 2

/**
 * The one row of an instance. A finding is owed from the write that decides it until it is sent: whoever dies in between
 * leaves it to the next delivery, which sends it under the same id.
 */
const InstanceTraffic = z.object({
  packed: z.instanceof(Uint8Array),
  told: Told.optional(),
  owed: z.array(Finding).max(MAX_OWED).optional(),
})

export interface InstanceRecord {
  readonly state: InstanceState
  readonly packed: Uint8Array
  readonly told: Told | undefined
  readonly owed: readonly Finding[]
}

export function instanceKey(instance: string): Key {
  return { partition: `traffic/${instance}`, sort: 'state' }
}

/** The row with its state still packed. Throws `InputError` on what no watch wrote. */
export function readPacked(value: unknown): Omit<InstanceRecord, 'state'> {
  const parsed = InstanceTraffic.safeParse(value)
  if (!parsed.success)
    throw new InputError(`Cannot read an instance's traffic: ${quoted(z.prettifyError(parsed.error))}`)
  const { packed, told, owed } = parsed.data
  return { packed, told, owed: owed ?? [] }
}

/** Throws `InputError` on what no watch wrote. */
export function readRow(value: unknown, unpack: (packed: Uint8Array) => InstanceState = unpackState): InstanceRecord {
  const row = readPacked(value)
  return { ...row, state: unpack(row.packed) }
}

export function rowValue(packed: Uint8Array, told: Told | undefined, owed: readonly Finding[]): unknown {
  return {
    packed,
    ...(told === undefined ? {} : { told }),
    ...(owed.length === 0 ? {} : { owed }),
  }
}
