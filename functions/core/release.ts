import { isDeepStrictEqual } from 'node:util'
import { Budget, budgetKey, endCut } from './budget.ts'
import { driftText, lookForDrift, refusalLines, type StepDrift } from './drift.ts'
import { RetryableError, reasonOf } from './errors.ts'
import type { Incident, ReleaseRefusal } from './incident.ts'
import { amendIncident, type Held, refuseClaimed, settleJournal, withLines } from './incident-store.ts'
import type { JournalLine } from './journal.ts'
import { type DenyEntries, dropLeases, entriesWithout, leaveLeases, recordEntries } from './leases.ts'
import type { Run } from './playbook.ts'
import type { Ledger, Step } from './ports.ts'
import { afterLostRace, MAX_RACES } from './races.ts'

/** The step that changes ACLs, in every cloud. Its fact `entries` lists what it made, each as `acl/direction/number/range`. */
const DENY_STEP = 'deny-peers'

export function denyEntries(incident: Incident): DenyEntries {
  const byAcl = new Map<string, Map<string, string[]>>()
  for (const entry of entriesOf(incident)) {
    const [acl = '', , , peer = ''] = entry.split('/')
    const peers = byAcl.get(acl) ?? new Map<string, string[]>()
    byAcl.set(acl, peers.set(peer, [...(peers.get(peer) ?? []), entry]))
  }
  return byAcl
}

function entriesOf(incident: Incident): readonly string[] {
  const entries = incident.steps[DENY_STEP]?.facts['entries']
  return Array.isArray(entries) ? entries : []
}

export interface AskedRelease {
  readonly by: string
  /** Steps that are put back although somebody else changed what they had left. */
  readonly force?: readonly string[] | undefined
}

/**
 * Puts back what the incident changed, last step first, and closes it. What is shared stays as long as another incident
 * needs it. A step that cannot be reverted is journaled and the release is asked for again. Where somebody else changed
 * since the cut what a step had left, nothing at all is put back unless that step is forced; once the first step is put
 * back, the release goes through. Returns the incident with the claim on it, closed or refused: its ticket is still to be told.
 */
export async function release(
  run: Run,
  held: Held,
  { by, force = [] }: AskedRelease,
  claim: NonNullable<Incident['claim']>,
): Promise<Held> {
  const { ledger, clock } = run
  let now = clock.now()
  let current = await amendIncident(ledger, held, undefined, incident => {
    refuseClaimed(incident, now)
    return { ...incident, claim }
  })
  const acls = [...new Set(current.incident.denials.map(({ acl }) => acl))]
  // A claim that was never let go of: this order was begun before, and may be refused already.
  const isAgain = held.incident.claim !== undefined
  // The function that made the entries may have died before it could say so in the leases.
  await recordEntries(ledger, denyEntries(current.incident))
  if (current.incident.releasedBy === undefined) {
    current = await decide(run, current, { by, force }, acls, isAgain)
    if (current.incident.releasedBy === undefined) return current
  }
  const free: string[] = []
  for (const acl of acls) free.push(...(await leaveLeases(ledger, acl, current.incident.id)))

  const failed: string[] = []
  for (const step of run.steps.toReversed()) {
    const record = current.incident.steps[step.id]
    if (step.stage === 'report' || !record || record.status === 'reverted') continue
    const { lines, reverted, reason } = await revert(run, step, current.incident, free)
    if (!reverted) failed.push(`${step.id}: ${reason}`)
    current = await amendIncident(ledger, current, run.owner, incident =>
      withLines(
        {
          ...incident,
          steps: { ...incident.steps, [step.id]: { ...record, status: reverted ? 'reverted' : record.status } },
        },
        lines,
      ),
    )
  }
  if (failed.length > 0) {
    await settleAndLeave(run, current, by)
    throw new RetryableError(`Cannot release incident ${current.incident.id}: ${failed.join('; ')}`)
  }
  for (const acl of acls) await dropLeases(ledger, acl)
  await leaveBudget(ledger, current.incident.id)
  now = clock.now()
  current = await amendIncident(ledger, current, run.owner, incident =>
    withLines(
      {
        ...incident,
        closedAt: now,
        cut: { ...incident.cut, state: incident.cut.at === undefined ? incident.cut.state : 'restored', reasons: [] },
      },
      [
        {
          at: now,
          kind: 'closed',
          text: 'Released: what each step put back, and what it could not, stands above. The evidence is kept',
        },
      ],
    ),
  )
  return settleJournal(ledger, current, run.owner, by, clock.now())
}

/** Writes down that the release is on, or what stands against it. */
async function decide(
  run: Run,
  held: Held,
  { by, force = [] }: AskedRelease,
  acls: readonly string[],
  isAgain: boolean,
): Promise<Held> {
  const { ledger, clock } = run
  const free: string[] = []
  for (const acl of acls) free.push(...(await entriesWithout(ledger, acl, held.incident.id)))
  const { drifts, failed } = await lookForDrift(run, withEntries(held.incident, free))
  const isForced = ({ step }: { readonly step: string }) => force.includes(step)
  const at = clock.now()

  const unseen = failed.filter(one => !isForced(one))
  if (unseen.length > 0) {
    const lines = unseen.map(
      ({ step, reason }): JournalLine => ({ at, kind: 'failed', step, text: `Look before the release: ${reason}` }),
    )
    const told = await amendIncident(ledger, held, run.owner, incident => withLines(incident, lines))
    await settleAndLeave(run, told, by)
    const reasons = unseen.map(({ step, reason }) => `${step}: ${reason}`)
    throw new RetryableError(`Cannot look at what incident ${held.incident.id} left: ${reasons.join('; ')}`)
  }

  const against = drifts.filter(one => !isForced(one))
  if (against.length > 0) {
    const refusal = { at, by, drifts: against }
    if (isAgain && isSame(held.incident.releaseRefused, refusal)) return settleJournal(ledger, held, run.owner, by, at)
    const refused = await amendIncident(ledger, held, run.owner, incident =>
      withLines({ ...incident, releaseRefused: refusal }, refusalLines(refusal)),
    )
    return settleJournal(ledger, refused, run.owner, by, at)
  }
  return amendIncident(ledger, held, run.owner, ({ releaseRefused: _past, ...incident }) =>
    withLines({ ...incident, releasedBy: by }, [
      { at, kind: 'released', text: `Release asked for by ${by}` },
      ...drifts.map(forcedLine(at)),
    ]),
  )
}

function isSame(before: ReleaseRefusal | undefined, { by, drifts }: ReleaseRefusal): boolean {
  return before !== undefined && isDeepStrictEqual([before.by, before.drifts], [by, drifts])
}

function forcedLine(at: number): (drift: StepDrift) => JournalLine {
  return drift => ({ at, kind: 'released', step: drift.step, text: `Forced, although ${driftText(drift)}` })
}

async function settleAndLeave(run: Run, held: Held, by: string): Promise<void> {
  const settled = await settleJournal(run.ledger, held, run.owner, by, run.clock.now())
  await amendIncident(run.ledger, settled, run.owner, ({ claim: _claim, ...incident }) => incident)
}

/** The incident with those entries alone as what it denies: the others are still needed by somebody. */
function withEntries(incident: Incident, free: readonly string[]): Incident {
  const record = incident.steps[DENY_STEP]
  if (!record) return incident
  const own = { ...record, facts: { ...record.facts, entries: [...free] } }
  return { ...incident, steps: { ...incident.steps, [DENY_STEP]: own } }
}

async function revert(
  run: Run,
  step: Step,
  incident: Incident,
  free: readonly string[],
): Promise<{ lines: JournalLine[]; reverted: boolean; reason: string }> {
  try {
    const work = { incident: withEntries(incident, free), attempt: 1, signal: run.signal }
    const { done, unable } = await step.revert(work)
    const at = run.clock.now()
    const lines = [...done, ...unable.map(text => `Not possible: ${text}`)].map(
      (text): JournalLine => ({ at, kind: 'released', step: step.id, text }),
    )
    return { lines, reverted: true, reason: '' }
  } catch (thrown) {
    const reason = reasonOf(thrown)
    return {
      lines: [{ at: run.clock.now(), kind: 'failed', step: step.id, text: `Revert: ${reason}` }],
      reverted: false,
      reason,
    }
  }
}

async function leaveBudget(ledger: Ledger, incident: string): Promise<void> {
  for (let race = 0; race < MAX_RACES; race++) {
    const row = await ledger.read(budgetKey)
    if (!row || (await ledger.write(budgetKey, endCut(Budget.parse(row.value), incident), row.version))) return
    await afterLostRace(ledger, race)
  }
  throw new RetryableError(`Cannot give back the budget of ${incident}: ${MAX_RACES} other writers came first`)
}
