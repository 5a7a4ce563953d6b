import { createHash } from 'node:crypto'
import type { Incident } from './incident.ts'
import { amendIncident, type Held, refuseClaimed, settleJournal, withLines } from './incident-store.ts'
import { recordEntries } from './leases.ts'
import { type Run, runPlaybook } from './playbook.ts'
import type { Queue, Step } from './ports.ts'
import { denyEntries } from './release.ts'
import { claimOf, type Invocation, type RespondPorts } from './respond-ports.ts'

/**
 * Says on the ticket why an incident is not cut now, once, and changes nothing in the cloud. What was begun before a halt and not
 * answered is left as it stands; verify takes it up again after the halt.
 */
export async function tellUncut(
  ports: RespondPorts,
  held: Held,
  text: string,
  run: Run,
  invocation: Invocation,
): Promise<Incident> {
  const at = ports.clock.now()
  const told = await amendIncident(ports.ledger, held, undefined, newest => {
    refuseClaimed(newest, at)
    const claimed = { ...newest, claim: claimOf(run, invocation) }
    if (newest.cut.reasons.includes(text)) return claimed
    return withLines({ ...claimed, cut: { ...newest.cut, reasons: [text] } }, [{ at, kind: 'note', text }])
  })
  const reporting = { ...run, steps: run.steps.filter(({ stage }) => stage === 'report') }
  return (await runAndSettle(ports, told, [], reporting)).incident
}

/** Brings the ticket of a closed incident up to date; a release may have met a tracker that was down. */
export async function tellClosed(ports: RespondPorts, held: Held, run: Run, invocation: Invocation): Promise<Incident> {
  const claimed = await amendIncident(ports.ledger, held, undefined, newest => {
    refuseClaimed(newest, ports.clock.now())
    return { ...newest, claim: claimOf(run, invocation) }
  })
  return (await runAndSettle(ports, claimed, [], run)).incident
}

/** Runs the playbook, links what it wrote into the journal and lets go of the claim; what is left to do is enqueued. */
export async function runAndSettle(
  ports: RespondPorts,
  begun: Held,
  started: readonly Step[],
  run: Run,
): Promise<Held> {
  const { held, finished } = await runPlaybook(run, begun, started)
  if (held.incident.releasedBy === undefined) await recordEntries(ports.ledger, denyEntries(held.incident))
  const settled = await settleJournal(ports.ledger, held, run.owner, run.owner, ports.clock.now())
  if (!finished) await ports.queue.send(continuation(settled.incident))
  return amendIncident(ports.ledger, settled, run.owner, ({ claim: _released, ...incident }) => incident)
}

/** The order that takes the incident up again; its id changes with the journal, so that each is sent once. */
export function continuation({ id, instance, journal }: Incident): Parameters<Queue['send']>[0] {
  const hash = createHash('sha256').update(`continue ${id} ${journal.sequence}`).digest('hex')
  return { lane: instance, id: hash, order: { kind: 'continue', instance, incident: id } }
}
