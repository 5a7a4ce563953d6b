import { PartialFailure, reasonOf } from './errors.ts'
import type { Incident, StepRecord } from './incident.ts'
import { amendIncident, type Held, withLines } from './incident-store.ts'
import { type JournalLine, MAX_LINE } from './journal.ts'
import type { Clock, Ledger, Log, Stage, Step } from './ports.ts'

/** Tries within the lane; after that verify, which comes every few minutes, lets the step be tried again. */
export const MAX_ATTEMPTS = 3

const NO_CHANGE = 'Nothing to change'

export interface Run {
  readonly ledger: Ledger
  readonly clock: Clock
  readonly log: Log
  readonly steps: readonly Step[]
  /** Holder of the incident's claim. */
  readonly owner: string
  /** Fires before the function's deadline, early enough to write down where things stand. */
  readonly signal: AbortSignal
}

function coverOf(step: Step, incident: Incident): string {
  return step.covers?.(incident) ?? ''
}

/** Steps of these stages that were never done, failed, or act on something that has changed since. */
export function dueSteps(steps: readonly Step[], incident: Incident, stages: readonly Stage[]): Step[] {
  return steps.filter(step => {
    if (!stages.includes(step.stage)) return false
    const record = incident.steps[step.id]
    if (!record || record.covers !== coverOf(step, incident)) return true
    return (record.status === 'intended' || record.status === 'failed') && record.attempts < MAX_ATTEMPTS
  })
}

/** The incident with each step written down as intended: this stands in the ledger before the step changes anything. */
function withIntents(incident: Incident, steps: readonly Step[], now: number): Incident {
  const records = steps.map(step => {
    const covers = coverOf(step, incident)
    const before = incident.steps[step.id]
    const same = before?.covers === covers
    const record: StepRecord = {
      status: 'intended',
      // Of one that began and never answered the outcome is unknown, whatever it acts on by now.
      attempts: same || before?.status === 'intended' ? before.attempts + 1 : 1,
      covers,
      at: now,
      done: before?.done ?? [],
      unable: [],
      facts: before?.facts ?? {},
      reason: '',
    }
    return [step.id, record] as const
  })
  const lines = records.map(([step, record]): JournalLine => {
    return { at: now, kind: 'intent', step, text: record.attempts > 1 ? `Try ${record.attempts}` : 'Start' }
  })
  return withLines({ ...incident, steps: { ...incident.steps, ...Object.fromEntries(records) } }, lines)
}

interface Applied {
  readonly step: string
  readonly record: StepRecord
  readonly lines: readonly JournalLine[]
}

async function applyStep(run: Run, step: Step, incident: Incident): Promise<Applied> {
  const intended = incident.steps[step.id]
  if (!intended) throw new Error(`Cannot apply step ${step.id}: nothing was written down as intended`)
  // A step applied again over something new has an earlier outcome to look up as well.
  const attempt = intended.attempts + (intended.done.length > 0 ? 1 : 0)
  try {
    const { done, unable, facts } = await step.apply({ incident, attempt, signal: run.signal })
    const at = run.clock.now()
    return {
      step: step.id,
      record: {
        ...intended,
        status: 'done',
        at,
        done: allDone(intended, done),
        unable: [...unable],
        facts: copy(facts),
      },
      lines: [
        ...done.map((text): JournalLine => ({ at, kind: 'result', step: step.id, text })),
        ...unable.map((text): JournalLine => ({ at, kind: 'note', step: step.id, text: `Not possible: ${text}` })),
        ...(done.length + unable.length === 0
          ? [{ at, kind: 'result', step: step.id, text: NO_CHANGE } satisfies JournalLine]
          : []),
      ],
    }
  } catch (thrown) {
    const at = run.clock.now()
    const reason = reasonOf(thrown).slice(0, MAX_LINE)
    run.log.warn('step failed', { step: step.id, incident: incident.id, attempt, reason })
    const made = thrown instanceof PartialFailure ? thrown.outcome : { done: [], facts: intended.facts }
    return {
      step: step.id,
      record: {
        ...intended,
        status: 'failed',
        at,
        reason,
        done: allDone(intended, made.done),
        facts: copy(made.facts),
      },
      lines: [
        ...made.done.map((text): JournalLine => ({ at, kind: 'result', step: step.id, text })),
        { at, kind: 'failed', step: step.id, text: reason },
      ],
    }
  }
}

/** What goes on coming undone does not fill the row: the journal has all of it. */
const MAX_DONE = 256

function allDone(before: StepRecord, done: readonly string[]): string[] {
  return [...new Set([...before.done, ...done])].slice(-MAX_DONE)
}

function copy(facts: Awaited<ReturnType<Step['apply']>>['facts']): StepRecord['facts'] {
  return Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [name, typeof fact === 'object' ? [...fact] : fact]),
  )
}

/** Applies steps that are written down as intended, all at once. One that fails is a record like any other. */
function applySteps(run: Run, steps: readonly Step[], incident: Incident): Promise<Applied[]> {
  return Promise.all(steps.map(step => applyStep(run, step, incident)))
}

/** Writes down what steps did, and whatever the caller concludes from it, in one write. */
async function record(
  run: Run,
  held: Held,
  applied: readonly Applied[],
  conclude: (incident: Incident, now: number) => Incident,
): Promise<Held> {
  const now = run.clock.now()
  const records = Object.fromEntries(applied.map(({ step, record }) => [step, record]))
  const lines = applied.flatMap(one => one.lines)
  return amendIncident(run.ledger, held, run.owner, incident =>
    conclude(withLines({ ...incident, steps: { ...incident.steps, ...records } }, lines), now),
  )
}

const STARTED: readonly Stage[] = ['contain', 'preserve']

/** Whether steps may change anything: once a release is asked for, nothing is cut again under the incident. */
function acts({ verdict, releasedBy }: Incident): boolean {
  return verdict === 'isolate' && releasedBy === undefined
}

/** Whether anything of the cut is known to have been done. */
export function hasBegun(steps: readonly Step[], { steps: records }: Incident): boolean {
  return steps.some(({ id, stage }) => stage === 'contain' && (records[id]?.done.length ?? 0) > 0)
}

/** The stages that the incident goes through. */
export function stagesOf(incident: Incident): readonly Stage[] {
  return acts(incident) ? [...STARTED, 'collect', 'report'] : ['report']
}

/** The steps that start together at once, with the incident in which they are written down as intended. */
export function begin(
  steps: readonly Step[],
  incident: Incident,
  now: number,
): { incident: Incident; started: Step[] } {
  const started = acts(incident) ? dueSteps(steps, incident, STARTED) : []
  return { incident: started.length > 0 ? withIntents(incident, started, now) : incident, started }
}

/**
 * Runs the playbook on an incident whose first steps are written down as intended. contain and preserve start together;
 * nothing is written to the ledger until contain has answered, so that no bookkeeping stands beside the cut. Stops between
 * stages when the signal has fired; `finished` is false where anything is left to do.
 */
export async function runPlaybook(
  run: Run,
  begun: Held,
  started: readonly Step[],
): Promise<{ held: Held; finished: boolean }> {
  let held = begun
  const contain = started.filter(({ stage }) => stage === 'contain')
  const preserve = applySteps(
    run,
    started.filter(({ stage }) => stage === 'preserve'),
    held.incident,
  )
  const contained = await applySteps(run, contain, held.incident)
  if (contain.length > 0)
    held = await record(run, held, contained, (incident, now) => concludeContain(run.steps, incident, contained, now))
  const preserved = await preserve
  if (preserved.length > 0) held = await record(run, held, preserved, incident => incident)

  for (const stage of ['collect', 'report'] as const) {
    if (run.signal.aborted) break
    if (!stagesOf(held.incident).includes(stage)) continue
    const due = dueSteps(run.steps, held.incident, [stage])
    if (due.length === 0) continue
    held = await amendIncident(run.ledger, held, run.owner, incident => withIntents(incident, due, run.clock.now()))
    held = await record(run, held, await applySteps(run, due, held.incident), incident => incident)
  }
  return { held, finished: dueSteps(run.steps, held.incident, stagesOf(held.incident)).length === 0 }
}

/** What may be said right after the change: nothing is proven yet, and a refused deny may leave a conversation alive. */
function concludeContain(
  steps: readonly Step[],
  incident: Incident,
  applied: readonly Applied[],
  now: number,
): Incident {
  const contain = steps.filter(({ stage }) => stage === 'contain').map(({ id }) => id)
  const failed = Object.entries(incident.steps).filter(
    ([id, { status }]) => contain.includes(id) && status === 'failed',
  )
  const refused = incident.denials.filter(({ allowed }) => !allowed)
  const reasons = [
    ...failed.map(([step, { reason }]) => `Step ${step} failed: ${reason}`),
    ...refused.map(({ peer, acl, reason }) => `${peer} is not denied in ${acl}: ${reason}`),
  ]
  const changed = applied.some(({ lines }) => lines.some(({ kind, text }) => kind === 'result' && text !== NO_CHANGE))
  const { at = now } = incident.cut
  const first = incident.cut.first ?? (failed.length === 0 ? now : undefined)
  // A pass that found everything in place leaves what verify has proven.
  if (!changed && failed.length === 0 && incident.cut.at !== undefined) return incident
  const state = failed.length > 0 ? 'pending' : refused.length > 0 ? 'new-flows-only' : 'unverified'
  const told = reasons.map(text => text.slice(0, 1024))
  return {
    ...incident,
    cut: { ...incident.cut, state, ...(first === undefined ? {} : { first }), at: changed ? now : at, reasons: told },
  }
}
