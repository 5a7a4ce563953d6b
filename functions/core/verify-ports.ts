import type { Fleet } from './fleet.ts'
import type { Policy } from './policy.ts'
import type { Clock, Instances, Ledger, Log, Metrics, Queue, Step } from './ports.ts'
import type { TrackingTimeouts } from './proof.ts'
import type { Traffic } from './traffic.ts'

export interface VerifyPorts {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly queue: Queue
  readonly instances: Instances
  readonly log: Log
  readonly metrics: Metrics
  readonly steps: readonly Step[]
  readonly readFleet: (signal: AbortSignal) => Promise<Fleet>
  /** Finds the quarantine group by its recorded id, or makes one, and takes every rule out of it. Returns its id. */
  readonly prepareQuarantine: (vpc: string, recorded: string | undefined, signal: AbortSignal) => Promise<string>
  /** The same for the group that lets everything pass; absent where no network needs one. */
  readonly prepareTransit?: VerifyPorts['prepareQuarantine']
  readonly readTraffic: (instance: string) => Promise<Traffic>
}

export interface VerifySettings {
  readonly policy: Policy
  readonly tracking: TrackingTimeouts
  /** So long after the cut's last change bytes may still pass before the incident is escalated. */
  readonly escalateAfterMs: number
}

/** Writes down that a part could not be done, and lets the others go on. */
export type Failed = (what: string) => (thrown: unknown) => undefined
