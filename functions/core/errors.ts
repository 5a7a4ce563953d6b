import type { Outcome } from './ports.ts'

/** Input from outside that cannot be used. The message says what was wrong and where. */
export class InputError extends Error {
  override name = 'InputError'
}

/** A failure that a later try may not meet: a throttle, a timeout, a claim that somebody else holds. */
export class RetryableError extends Error {
  override name = 'RetryableError'
}

/**
 * A step failed after it had changed something. What it made goes into the incident's record all the same, so that verify
 * and a release know of it.
 */
export class PartialFailure extends Error {
  override name = 'PartialFailure'
  readonly outcome: Pick<Outcome, 'done' | 'facts'>

  constructor(message: string, outcome: Pick<Outcome, 'done' | 'facts'>, options?: ErrorOptions) {
    super(message, options)
    this.outcome = outcome
  }
}

/** Nobody knows who asks, or whoever asks may not. */
export class DeniedError extends Error {
  override name = 'DeniedError'
}

/** What was asked is not there, or did not answer in time. Whether it did what it was asked for is not known. */
export class UnreachableError extends Error {
  override name = 'UnreachableError'
}

/** The configuration cannot work; the message names the setting. */
export class ConfigurationError extends Error {
  override name = 'ConfigurationError'
}

/** A value from outside for use in a message: quoted, escaped, cut at 120 characters. */
export function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? String(value))
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text)
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : quoted(thrown)
}
