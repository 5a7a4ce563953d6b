import type { DenialSettings } from './denial.ts'
import type { Incident } from './incident.ts'
import type { Run } from './playbook.ts'
import type { Policy } from './policy.ts'
import type { Clock, Log, Metrics, Queue, Step } from './ports.ts'
import type { RuleSettings } from './rule-settings.ts'
import type { SurveyPorts } from './survey.ts'

export interface RespondPorts extends SurveyPorts {
  readonly clock: Clock
  readonly queue: Queue
  readonly log: Log
  readonly metrics: Metrics
  readonly steps: readonly Step[]
}

export interface RespondSettings {
  readonly policy: Policy
  readonly denial: DenialSettings
  readonly rules: RuleSettings
}

/** One invocation of the function. */
export interface Invocation {
  /** Unique to the invocation: the holder of the claims that it takes. */
  readonly owner: string
  /** Milliseconds until the platform ends the function. */
  readonly remaining: () => number
}

/** A claim outlives its function by this much, so that a redelivery takes over only from the dead. */
const GRACE_MS = 5000

export function claimOf(run: Run, invocation: Invocation): NonNullable<Incident['claim']> {
  return { owner: run.owner, until: run.clock.now() + Math.max(0, invocation.remaining()) + GRACE_MS }
}
