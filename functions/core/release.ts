import { Budget, budgetKey, endCut } from './budget.ts'
import { RetryableError, reasonOf } from './errors.ts'
import type { Incident } from './incident.ts'
import { amendIncident, type Held, refuseClaimed, settleJournal, withLines } from './incident-store.ts'
import type { JournalLine } from './journal.ts'
import { type DenyEntries, dropLeases, leaveLeases, recordEntries } from './leases.ts'
import type { Run } from './playbook.ts'
import type { Ledger, Step } from './ports.ts'

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

/**
 * Puts back what the incident changed, last step first, and closes it. What is shared stays as long as another incident
 * needs it. A step that cannot be reverted is journaled and the release is asked for again. Returns the closed incident
 * with the claim on it: its ticket is still to be told.
 */
export async function release(run: Run, held: Held, by: string, claim: NonNullable<Incident['claim']>): Promise<Held> {
  const { ledger, clock } = run
  let now = clock.now()
  let current = await amendIncident(ledger, held, undefined, incident => {
    refuseClaimed(incident, now)
    const asked: JournalLine[] =
      incident.releasedBy === undefined ? [{ at: now, kind: 'released', text: `Release asked for by ${by}` }] : []
    return withLines({ ...incident, claim, releasedBy: incident.releasedBy ?? by }, asked)
  })
  const acls = [...new Set(current.incident.denials.map(({ acl }) => acl))]
  const free: string[] = []
  // The function that made the entries may have died before it could say so in the leases.
  await recordEntries(ledger, denyEntries(current.incident))
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
    current = await settleJournal(ledger, current, run.owner, by, clock.now())
    await amendIncident(ledger, current, run.owner, ({ claim: _claim, ...incident }) => incident)
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
      [{ at: now, kind: 'closed', text: 'Everything that was changed is put back; the evidence is kept' }],
    ),
  )
  return settleJournal(ledger, current, run.owner, by, clock.now())
}

async function revert(
  run: Run,
  step: Step,
  incident: Incident,
  free: readonly string[],
): Promise<{ lines: JournalLine[]; reverted: boolean; reason: string }> {
  const record = incident.steps[step.id]
  const shared =
    record && step.id === DENY_STEP
      ? { [DENY_STEP]: { ...record, facts: { ...record.facts, entries: [...free] } } }
      : {}
  try {
    const work = { incident: { ...incident, steps: { ...incident.steps, ...shared } }, attempt: 1, signal: run.signal }
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
  for (let race = 0; race < 32; race++) {
    const row = await ledger.read(budgetKey)
    if (!row || (await ledger.write(budgetKey, endCut(Budget.parse(row.value), incident), row.version))) return
  }
  throw new RetryableError(`Cannot give back the budget of ${incident}: 32 other writers came first`)
}
