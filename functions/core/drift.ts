import { reasonOf } from './errors.ts'
import type { Incident, ReleaseRefusal } from './incident.ts'
import type { JournalLine } from './journal.ts'
import type { Run } from './playbook.ts'

export type StepDrift = ReleaseRefusal['drifts'][number]

/** Keeps the incident's row and the ticket short: who reads a dozen looks at the cloud. */
const MAX_DRIFTS = 32

export interface Look {
  readonly drifts: readonly StepDrift[]
  /** Steps that could not be looked at. */
  readonly failed: readonly { readonly step: string; readonly reason: string }[]
}

/** Asks all steps that were begun, at once, what somebody else changed since the cut. Changes nothing. */
export async function lookForDrift(run: Run, incident: Incident): Promise<Look> {
  const looks = await Promise.all(
    run.steps.map(async step => {
      const record = incident.steps[step.id]
      if (!step.drifted || !record || record.status === 'reverted') return { drifts: [], failed: [] }
      try {
        const found = await step.drifted({ incident, attempt: 1, signal: run.signal })
        return { drifts: found.map(one => ({ step: step.id, ...cut(one) })), failed: [] }
      } catch (thrown) {
        return { drifts: [], failed: [{ step: step.id, reason: reasonOf(thrown) }] }
      }
    }),
  )
  return {
    drifts: looks.flatMap(({ drifts }) => drifts).slice(0, MAX_DRIFTS),
    failed: looks.flatMap(({ failed }) => failed),
  }
}

function cut({ resource, left, found }: Omit<StepDrift, 'step'>): Omit<StepDrift, 'step'> {
  return { resource: resource.slice(0, 256), left: left.slice(0, 512), found: found.slice(0, 512) }
}

/** `eni-1 was left in sg-quarantine and is in sg-other`. */
export function driftText({ resource, left, found }: StepDrift): string {
  return `${resource} was left ${left} and is ${found}`
}

/** The steps that have drifted, each once. */
export function driftedSteps(drifts: readonly StepDrift[]): string[] {
  return [...new Set(drifts.map(({ step }) => step))]
}

export function refusalLines({ at, by, drifts }: ReleaseRefusal): JournalLine[] {
  const steps = driftedSteps(drifts)
  return [
    {
      at,
      kind: 'refused',
      text: `Release asked for by ${by} is refused, and nothing is put back: somebody else changed since the cut what ${steps.join(', ')} left. To release in spite of it, force ${steps.length === 1 ? 'that step' : 'those steps'}`,
    },
    ...drifts.map((one): JournalLine => ({ at, kind: 'refused', step: one.step, text: driftText(one) })),
  ]
}
