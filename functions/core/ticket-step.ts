import { createHash } from 'node:crypto'
import type { Incident } from './incident.ts'
import { type JournalEntry, readJournal } from './journal.ts'
import type { Clock, Ledger, Step, Ticket, TicketTarget } from './ports.ts'

/** Renders an incident for a person; `journal` holds the pending lines as its last, not yet linked entry. */
export type Render = (incident: Incident, journal: readonly JournalEntry[], now: number) => string

/** Opens the incident's ticket in one tracker and brings it up to date whenever the incident says something new. */
export function ticketStep(target: TicketTarget, ports: { ledger: Ledger; clock: Clock; render: Render }): Step {
  const id = `ticket-${target.id}`
  return {
    id,
    stage: 'report',
    permissions: [],
    covers: incident => digest(id, incident),
    async apply({ incident, signal }) {
      const reference = incident.steps[id]?.facts['reference']
      const known = typeof reference === 'string' ? reference : undefined
      const ticket = await ticketOf(incident, ports)
      const answered = await target.put(ticket, known, signal)
      return { done: [`Ticket ${answered}`], unable: [], facts: { reference: answered } }
    },
    verify: async () => ({ holds: true, notes: [] }),
    revert: async () => ({ done: [], unable: ['A ticket stays: it says that the incident was released'], facts: {} }),
  }
}

/** What the ticket tells; the ticket's own record is no news. */
function digest(step: string, incident: Incident): string {
  const steps = Object.entries(incident.steps)
    .filter(([id]) => id !== step && !id.startsWith('ticket-'))
    .map(([id, { status, done, unable, reason }]) => [id, status, done, unable, reason])
    .toSorted()
  const told = [incident.verdict, incident.verdictReason, incident.findingIds, incident.cut.state, incident.cut.reasons]
  const text = JSON.stringify([...told, incident.closedAt ?? null, incident.releasedBy ?? null, steps])
  return createHash('sha256').update(text).digest('hex')
}

async function ticketOf(incident: Incident, ports: { ledger: Ledger; clock: Clock; render: Render }): Promise<Ticket> {
  const linked = await readJournal(ports.ledger, incident.id)
  const now = ports.clock.now()
  const pending: JournalEntry[] =
    incident.pending.length > 0
      ? [{ sequence: linked.length + 1, at: now, by: '', lines: incident.pending, previous: '', hash: '' }]
      : []
  return {
    key: incident.id,
    incident: incident.id,
    instance: incident.instance,
    title: `${incident.drill ? '[DRILL] ' : ''}Firebreak: ${incident.instance} ${headline(incident)}`,
    severity:
      incident.verdict === 'isolate' || incident.verdict === 'approval' ? 5 : incident.verdict === 'observe' ? 4 : 3,
    markdown: ports.render(incident, [...linked, ...pending], now),
    state: incident.cut.state,
    drill: incident.drill,
  }
}

function headline({ verdict, cut, closedAt }: Incident): string {
  if (closedAt !== undefined) return 'was released'
  if (verdict === 'isolate') return `is isolated (${cut.state})`
  if (verdict === 'approval') return 'waits for an approval to be cut'
  if (verdict === 'observe') return 'would have been cut'
  if (verdict === 'refused') return 'was reported and policy refuses the cut'
  return 'raised an alert'
}
