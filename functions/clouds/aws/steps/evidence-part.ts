import { InputError, RetryableError } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import { codeOf, isThrottle, isUnknownOutcome } from '../faults.ts'

/** A file before it is kept. */
export interface Collected {
  readonly bytes: Uint8Array
  /** What is in it, for the journal: `412 records of /firebreak/flow`. */
  readonly told?: string
  /** What should be in it and is not, and why. */
  readonly missing?: string
}

/** One file of the evidence, and where it comes from. */
export interface Part {
  /** Follows from the incident and the configuration alone, so that a second try means the same file. */
  readonly name: string
  /** Media type. */
  readonly type: string
  collect(incident: Incident, signal: AbortSignal): Promise<Collected>
}

export function jsonOf(value: unknown): Uint8Array {
  return Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`)
}

/** An answer of the SDK without what is of the call and not of the cloud. */
export function answerOf<T extends object>(answer: T): Omit<T, '$metadata' | 'NextToken'> {
  const { $metadata: _call, NextToken: _page, ...rest }: T & { $metadata?: unknown; NextToken?: unknown } = answer
  return rest
}

/** Whether a later try may not meet it. */
export function isPassing(thrown: unknown): boolean {
  // S3 says it of two writers at one time.
  if (codeOf(thrown) === 'ConditionalRequestConflict') return true
  return thrown instanceof RetryableError || isThrottle(thrown) || isUnknownOutcome(thrown)
}

/**
 * Why something could not be collected, in a service's words or ours. Of any other error its name alone: what it says may
 * quote what was collected.
 */
export function whyNot(thrown: unknown): string {
  if (thrown instanceof InputError || thrown instanceof RetryableError) return thrown.message
  const ofService = thrown instanceof Error && '$fault' in thrown
  return ofService ? `${codeOf(thrown)}: ${thrown.message.slice(0, 512)}` : codeOf(thrown)
}
