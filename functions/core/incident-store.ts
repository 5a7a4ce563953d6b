import { createHash } from 'node:crypto'
import { RetryableError } from './errors.ts'
import { Incident } from './incident.ts'
import { appendJournal, type JournalLine } from './journal.ts'
import type { Key, Ledger } from './ports.ts'

/**
 * The newest incident of each instance stands under the instance's id, so that a finding meets the open incident in one
 * read; an older one is moved aside when the next is opened.
 */
const partition = 'incidents'

export function incidentKey(instance: string): Key {
  return { partition, sort: instance }
}

export interface Held {
  readonly incident: Incident
  readonly version: number
}

/** Derived from the one before it, so that two functions that open the incident at once open the same one. */
export function nextIncidentId(account: string, instance: string, previous: Incident | undefined): string {
  return `fb-${createHash('sha256')
    .update(JSON.stringify([account, instance, previous?.id ?? '']))
    .digest('hex')
    .slice(0, 16)}`
}

export async function loadIncident(ledger: Ledger, instance: string): Promise<Held | undefined> {
  const row = await ledger.read(incidentKey(instance))
  return row && { incident: Incident.parse(row.value), version: row.version }
}

export async function listIncidents(ledger: Ledger): Promise<Held[]> {
  const rows = await ledger.list(partition)
  return rows.map(row => ({ incident: Incident.parse(row.value), version: row.version }))
}

/** Opens an incident in one conditional write: the claim, the restore point and what is intended stand in it together. */
export async function openIncident(
  ledger: Ledger,
  incident: Incident,
  previous: Held | undefined,
): Promise<Held | undefined> {
  if (previous)
    await ledger.write({ partition: `incident/${previous.incident.id}`, sort: 'incident' }, previous.incident, 'any')
  const row = await ledger.write(incidentKey(incident.instance), incident, previous?.version ?? 'absent')
  return row && { incident, version: row.version }
}

const MAX_RACES = 32

/**
 * Applies a change to the newest version of the incident. With an owner, only while that owner holds the claim: whoever
 * lost it stops here and leaves the rest to the one who took over.
 */
export async function amendIncident(
  ledger: Ledger,
  held: Held,
  owner: string | undefined,
  change: (incident: Incident) => Incident,
): Promise<Held> {
  let newest = held
  for (let race = 0; race < MAX_RACES; race++) {
    const incident = change(newest.incident)
    const row = await ledger.write(incidentKey(incident.instance), incident, newest.version)
    if (row) return { incident, version: row.version }
    const fresh = await loadIncident(ledger, incident.instance)
    if (fresh?.incident.id !== incident.id)
      throw new RetryableError(`Cannot amend incident ${incident.id}: it is no longer the newest`)
    if (owner !== undefined && fresh.incident.claim?.owner !== owner)
      throw new RetryableError(`Cannot amend incident ${incident.id}: another function took it over`)
    newest = fresh
  }
  throw new RetryableError(`Cannot amend incident ${held.incident.id}: ${MAX_RACES} other writers came first`)
}

/** Links the pending lines into the journal. A crash between the two writes repeats the first, which then finds its own entry. */
export async function settleJournal(
  ledger: Ledger,
  held: Held,
  owner: string | undefined,
  by: string,
  now: number,
): Promise<Held> {
  const lines = held.incident.pending
  if (lines.length === 0) return held
  const head = await appendJournal(ledger, held.incident.id, held.incident.journal, by, now, lines)
  return amendIncident(ledger, held, owner, incident => ({
    ...incident,
    journal: { sequence: head.sequence, hash: head.hash },
    pending: incident.pending.slice(lines.length),
  }))
}

export function withLines(incident: Incident, lines: readonly JournalLine[]): Incident {
  return { ...incident, pending: [...incident.pending, ...lines] }
}
