import type { Description } from './description.ts'
import type { Whole } from './flow.ts'
import type { Incident } from './incident.ts'
import type { Order } from './order.ts'

/** Milliseconds since the epoch. The only way that core learns the time. */
export interface Clock {
  now(): number
}

export interface Key {
  readonly partition: string
  readonly sort: string
}

export interface Row {
  readonly key: Key
  /** Plain objects, arrays, strings, finite numbers, booleans and Uint8Array; no `undefined`. */
  readonly value: unknown
  /** Changes with every write; opaque except for equality. */
  readonly version: number
}

/** `absent`: no row, or one that has expired. `any`: whatever stands there. A number: the version that was read. */
export type Expectation = 'absent' | 'any' | number

/**
 * State in single-item conditional writes, nothing more, so that DynamoDB and Tablestore can both hold it.
 * An expired row counts as absent, whether or not the store has swept it yet.
 */
export interface Ledger {
  read(key: Key): Promise<Row | undefined>
  /** Rows of one partition in the order of their sort keys, expired ones left out. */
  list(partition: string, prefix?: string): Promise<Row[]>
  /** Returns the new row, or `undefined` when the expectation did not hold. `expires` in milliseconds since the epoch. */
  write(key: Key, value: unknown, expect: Expectation, expires?: number): Promise<Row | undefined>
  /** Returns false when the expectation did not hold. */
  remove(key: Key, expect: Expectation): Promise<boolean>
  /** Waits some milliseconds, between lost races for a row. Default: not at all. */
  pause?(milliseconds: number): Promise<void>
}

/** A queue with one lane an instance: what is sent to a lane is handled in order, one message at a time. */
export interface Queue {
  /** `id` hides a second message with the same id for some minutes, so it is a hash of what the order rests on. */
  send(message: { readonly lane: string; readonly id: string; readonly order: Order }): Promise<void>
}

/** What could not be decoded or handled. */
export interface DeadLetter {
  readonly source: string
  /** Where in the source: log group, stream, event id, line. */
  readonly position: string
  readonly reason: string
  readonly bytes: Uint8Array
  /** Length and digest of all of it, where `bytes` is only its beginning. */
  readonly whole?: Whole
}

export interface DeadLetters {
  put(letters: readonly DeadLetter[]): Promise<void>
}

/** What respond must know of an instance before it changes anything. At most one cloud round trip deep. */
export interface Instances {
  /** `vpc` is a hint from the inventory that saves a round trip. `undefined`: there is no such instance. */
  describe(instance: string, vpc: string | undefined, signal: AbortSignal): Promise<Description | undefined>
}

/** `adf` (Jira Cloud) and `slack` (blocks) are JSON; `wiki` is Jira Data Center's. */
export type Markup = 'markdown' | 'adf' | 'wiki' | 'slack' | 'text'

export interface Ticket {
  /** The same key, however often, is one ticket. */
  readonly key: string
  readonly incident: string
  readonly instance: string
  readonly title: string
  /** OCSF severity_id: 1 informational to 5 critical. */
  readonly severity: 1 | 2 | 3 | 4 | 5
  readonly markdown: string
  readonly state: string
  readonly drill: boolean
  /** When the incident was opened, in milliseconds since the epoch: no ticket of it is older. */
  readonly openedAt: number
  /** The same in another markup, in at most `limit` characters; what there is no room for is named. At least 2,000. */
  body(markup: Markup, limit: number): string
}

/** A ticket as it now stands in a tracker. */
export interface Filed {
  /** Its name there; with it the next update finds it. */
  readonly reference: string
  /** What a person should know of how it got there. */
  readonly notes: readonly string[]
}

export interface TicketTarget {
  readonly id: string
  /**
   * Opens the ticket, brings the one that `reference` names up to date, and closes it where the incident was released.
   * `attempt`: above 1 an earlier try may have opened it. Default: 1.
   */
  put(ticket: Ticket, reference: string | undefined, signal: AbortSignal, attempt?: number): Promise<Filed>
}

/** Static messages, structured fields. Never secrets, tokens or whole events. */
export interface Log {
  info(message: string, fields?: Record<string, unknown>): void
  warn(message: string, fields?: Record<string, unknown>): void
  error(message: string, fields?: Record<string, unknown>): void
}

export interface Metrics {
  count(name: string, value?: number): void
}

export interface Permission {
  readonly actions: readonly string[]
  /** ARNs with `*` where the account or id is not known at deployment. */
  readonly resources: readonly string[]
  readonly conditions?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>
}

/** contain and preserve start together, then collect, then report. */
export type Stage = 'contain' | 'preserve' | 'collect' | 'report'

export interface Work {
  readonly incident: Incident
  /** 1 at the first try. Above 1 the outcome of an earlier try may be unknown: look before asking again. */
  readonly attempt: number
  readonly signal: AbortSignal
}

export interface Outcome {
  /** What was changed or made, a short sentence each, for the journal and the ticket. */
  readonly done: readonly string[]
  /** What this step could not do, and why. The step counts as done: it has named what it cannot cover. */
  readonly unable: readonly string[]
  /** Identifiers that verify, revert and the report need (snapshot ids, entry numbers, association ids). */
  readonly facts: Readonly<Record<string, string | number | boolean | readonly string[]>>
}

/** A resource that somebody else changed since the cut: it stands neither as the step left it nor as it was before. */
export interface Drift {
  readonly resource: string
  /** How the step left it. */
  readonly left: string
  /** How it stands now. */
  readonly found: string
}

interface Verdict {
  readonly holds: boolean
  readonly notes: readonly string[]
}

/** One reversible, repeatable action. A step that throws is journaled as failed and tried again; it never stops the others. */
export interface Step {
  readonly id: string
  readonly stage: Stage
  /** What all the rest asks for. */
  readonly permissions: readonly Permission[]
  /** What `verify` asks for, which is another function's work. Default: those of `permissions` that only describe, get and list. */
  readonly verifyPermissions?: readonly Permission[]
  /** A text that stands for what this step acts on; when it changes, the step is applied again. Default: never. */
  covers?(incident: Incident): string
  apply(work: Work): Promise<Outcome>
  verify(work: Work): Promise<Verdict>
  /**
   * For what goes on after `apply` has answered: how it came to an end, or `undefined` as long as it has not. Asked at each
   * run of verify until it says so, also after the release.
   */
  settled?(work: Work): Promise<string | undefined>
  /**
   * Looks, before anything is put back, for what somebody else changed since; changes nothing. What was put back already is
   * no drift. Default: none, for a step whose `revert` takes back only what is still its own and names the rest.
   */
  drifted?(work: Work): Promise<readonly Drift[]>
  revert(work: Work): Promise<Outcome>
  /** Command lines of the cloud's own that do what `revert` does, for a person who has no Firebreak any more. Default: none. */
  undo?(incident: Incident): readonly string[]
}
