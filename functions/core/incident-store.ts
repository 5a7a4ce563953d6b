import { createHash } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { RetryableError, reasonOf } from './errors.ts'
import { Incident } from './incident.ts'
import { appendJournal, type JournalLine, MAX_LINE } from './journal.ts'
import type { Key, Ledger } from './ports.ts'

/**
 * The newest incident of each instance stands under the instance's id, so that a finding meets the open incident in one
 * read; an older one is moved aside when the next is opened.
 */
const partition = 'incidents'

export function incidentKey(instance: string): Key {
  return { partition, sort: instance }
}

/** Where an incident stands once its instance has a newer one. */
export function asideKey(id: string): Key {
  return { partition: `incident/${id}`, sort: 'incident' }
}

export interface Held {
  readonly incident: Incident
  readonly version: number
}

/** Derived from the one before it, so that two functions that open the incident at once open the same one. */
export function nextIncidentId(account: string, instance: string, previous: Pick<Incident, 'id'> | undefined): string {
  return `fb-${createHash('sha256')
    .update(JSON.stringify([account, instance, previous?.id ?? '']))
    .digest('hex')
    .slice(0, 16)}`
}

export async function loadIncident(ledger: Ledger, instance: string): Promise<Held | undefined> {
  const row = await ledger.read(incidentKey(instance))
  return row && { incident: Incident.parse(row.value), version: row.version }
}

export interface Incidents {
  readonly held: readonly Held[]
  /** Rows that cannot be read: one of them hides none of the others. */
  readonly unreadable: readonly { readonly instance: string; readonly reason: string }[]
}

export async function listIncidents(ledger: Ledger): Promise<Incidents> {
  const held: Held[] = []
  const unreadable: { instance: string; reason: string }[] = []
  for (const { key, value, version } of await ledger.list(partition)) {
    const { data, error } = Incident.safeParse(value)
    if (data) held.push({ incident: data, version })
    else unreadable.push({ instance: key.sort, reason: reasonOf(error) })
  }
  return { held, unreadable }
}

/** Opens an incident in one conditional write: the claim, the restore point and what is intended stand in it together. */
export async function openIncident(
  ledger: Ledger,
  incident: Incident,
  previous: Held | undefined,
): Promise<Held | undefined> {
  if (previous) await ledger.write(asideKey(previous.incident.id), previous.incident, 'any')
  const row = await ledger.write(incidentKey(incident.instance), incident, previous?.version ?? 'absent')
  return row && { incident, version: row.version }
}

/** Writes what was concluded from one version of the incident. Returns `undefined` where it is no longer the newest. */
export async function replaceIncident(ledger: Ledger, held: Held, incident: Incident): Promise<Held | undefined> {
  const row = await ledger.write(incidentKey(incident.instance), incident, held.version)
  return row && { incident, version: row.version }
}

export function refuseClaimed(incident: Incident, now: number): void {
  if (incident.claim && incident.claim.until > now)
    throw new RetryableError(`Cannot work on incident ${incident.id}: another function holds the claim`)
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
  return amendIncident(ledger, held, owner, incident => {
    // Somebody else may have linked the same lines already, and others may wait by now.
    const waiting = isDeepStrictEqual(incident.pending.slice(0, lines.length), lines)
    return {
      ...incident,
      ...(head.sequence > incident.journal.sequence ? { journal: { sequence: head.sequence, hash: head.hash } } : {}),
      pending: waiting ? incident.pending.slice(lines.length) : incident.pending,
    }
  })
}

/** Texts are cut to what a journal holds: a row that says more could never be read again. */
export function withLines(incident: Incident, lines: readonly JournalLine[]): Incident {
  const cut = lines.map(line => ({ ...line, text: line.text.slice(0, MAX_LINE) }))
  return { ...incident, pending: [...incident.pending, ...cut] }
}
