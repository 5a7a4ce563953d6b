import { createHash } from 'node:crypto'
import type { Incident } from './incident.ts'
import { type JournalEntry, readJournal } from './journal.ts'
import type { Clock, Ledger, Step, Ticket, TicketTarget } from './ports.ts'

/** So old is no incident at the first try of its ticket. */
const FRESH_MS = 120_000

/** An incident as a ticket. Lines that the journal has not linked yet stand in `incident.pending`. */
export type Render = (incident: Incident, journal: readonly JournalEntry[], now: number) => Ticket

/** Opens the incident's ticket in one tracker and brings it up to date whenever the incident says something new. */
export function ticketStep(target: TicketTarget, ports: { ledger: Ledger; clock: Clock; render: Render }): Step {
  const id = `ticket-${target.id}`
  return {
    id,
    stage: 'report',
    permissions: [],
    covers: incident => digest(id, incident),
    async apply({ incident, signal, attempt }) {
      const reference = incident.steps[id]?.facts['reference']
      const known = typeof reference === 'string' ? reference : undefined
      const now = ports.clock.now()
      const ticket = ports.render(incident, await readJournal(ports.ledger, incident.id), now)
      // Tries are counted anew by verify: an incident that is no longer new and has no ticket had earlier ones.
      const tries = known === undefined && now - incident.openedAt > FRESH_MS ? Math.max(2, attempt) : attempt
      const { reference: filed, notes } = await target.put(ticket, known, signal, tries)
      return { done: [`Ticket ${filed}`, ...notes], unable: [], facts: { reference: filed } }
    },
    verify: async () => ({ holds: true, notes: [] }),
    revert: async () => ({ done: [], unable: ['A ticket stays: it says that the incident was released'], facts: {} }),
  }
}

/** What the ticket tells; the ticket's own record is no news. */
function digest(step: string, incident: Incident): string {
  const steps = Object.entries(incident.steps)
    .filter(([id]) => id !== step && !id.startsWith('ticket-'))
    .map(([id, { status, done, unable, reason, settled = null }]) => [id, status, done, unable, reason, settled])
    .toSorted()
  const told = [incident.verdict, incident.verdictReason, incident.findingIds, incident.cut.state, incident.cut.reasons]
  const text = JSON.stringify([
    ...told,
    incident.closedAt ?? null,
    incident.releasedBy ?? null,
    incident.releaseRefused ?? null,
    incident.alarms?.map(({ event }) => event) ?? null,
    incident.escalated?.reason ?? null,
    steps,
  ])
  return createHash('sha256').update(text).digest('hex')
}
