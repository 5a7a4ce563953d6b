import type { Brief, Listed, Shown } from './answers.ts'
import { InputError, quoted, reasonOf } from './errors.ts'
import { haltStatus } from './halt.ts'
import { Incident } from './incident.ts'
import { asideKey, incidentKey, listIncidents, nextIncidentId } from './incident-store.ts'
import { JournalEntry, journalPartition } from './journal.ts'
import type { Clock, Key, Ledger } from './ports.ts'
import { listSuppressed } from './suppressed.ts'
import type { Undo } from './undo.ts'

/** Incidents of one list, some 400 bytes each. */
const MAX_LISTED = 2000
/** Suppressed findings, and rows that cannot be read, of one list. */
const MAX_BESIDE = 500
/** Incidents of one instance, one after the other. */
const MAX_OLDER = 1000
/** A function answers with 6 MB at most (AWS Lambda quotas, "Invocation payload"); an incident's row has 400 KB. */
const MAX_JOURNAL_BYTES = 3_000_000

export interface LookPorts {
  readonly clock: Clock
  readonly ledger: Ledger
  readonly account: string
  /** Command lines of the cloud's own that undo the cut. */
  readonly undo: (incident: Incident) => readonly Undo[] | Promise<readonly Undo[]>
}

/** Open incidents first, then closed ones, each the newest first. `all`: those too that a newer one of the instance has followed. */
export async function list({ ledger, account }: LookPorts, all: boolean): Promise<Listed> {
  const [{ held, unreadable }, halt, suppressed] = await Promise.all([
    listIncidents(ledger),
    haltStatus(ledger),
    listSuppressed(ledger, undefined),
  ])
  const newest = held.map(({ incident }) => incident)
  const older = all ? (await Promise.all(newest.map(one => olderThan(ledger, one)))).flat() : []
  const sorted = [...newest, ...older].map(briefOf).toSorted(byUrgency)
  return {
    account,
    incidents: sorted.slice(0, MAX_LISTED),
    left: Math.max(0, sorted.length - MAX_LISTED),
    unreadable: unreadable.slice(0, MAX_BESIDE),
    suppressed: suppressed.toSorted((one, other) => other.at - one.at).slice(0, MAX_BESIDE),
    suppressedInAll: suppressed.length,
    ...(halt ? { halt } : {}),
  }
}

/** One incident, by its own id or its instance's, with the journal's entries after `after`. */
export async function show(ports: LookPorts, id: string, after = 0): Promise<Shown> {
  const { ledger, clock } = ports
  const incident = id.startsWith('fb-') ? await incidentOf(ports, id) : await at(ledger, incidentKey(id))
  if (!incident)
    throw new InputError(`Cannot find ${quoted(id)}: account ${ports.account} has had no incident on that instance`)
  return {
    incident,
    ...(await readable(ledger, incident.id, after)),
    undo: [...(await ports.undo(incident))],
    now: clock.now(),
  }
}

async function incidentOf({ ledger, account }: LookPorts, id: string): Promise<Incident> {
  const old = await at(ledger, asideKey(id))
  // It is put aside before the next one is opened: until then what stands under the instance is newer.
  const newest = old
    ? await at(ledger, incidentKey(old.instance))
    : (await listIncidents(ledger)).held.find(({ incident }) => incident.id === id)?.incident
  if (newest?.id === id) return newest
  if (old) return old
  throw new InputError(
    `Cannot find ${quoted(id)}: account ${account} has no such incident; one of another account is asked for with credentials of that account`,
  )
}

async function at(ledger: Ledger, key: Key): Promise<Incident | undefined> {
  const row = await ledger.read(key)
  if (!row) return undefined
  const { data, error } = Incident.safeParse(row.value)
  if (data) return data
  const where = `${key.partition} ${key.sort}`
  throw new InputError(
    `Cannot read the incident in row ${quoted(where)}: it is none any more: ${reasonOf(error).slice(0, 512)}`,
  )
}

/** No row says what came before an incident, but each id follows from the one before it. */
async function olderThan(ledger: Ledger, { id, account, instance }: Incident): Promise<Incident[]> {
  const older: Incident[] = []
  let next = nextIncidentId(account, instance, undefined)
  for (let count = 0; next !== id && count < MAX_OLDER; count++) {
    const row = await ledger.read(asideKey(next))
    const { data } = Incident.safeParse(row?.value)
    if (!data) break
    older.push(data)
    next = nextIncidentId(account, instance, data)
  }
  return older
}

async function readable(ledger: Ledger, id: string, after: number) {
  const journal: JournalEntry[] = []
  const unreadable: { sequence: number; reason: string }[] = []
  let bytes = 0
  for (const { key, value } of await ledger.list(journalPartition(id), 'journal/')) {
    const sequence = Number(key.sort.slice('journal/'.length))
    if (sequence <= after) continue
    if (bytes > MAX_JOURNAL_BYTES) return { journal, unreadable, more: true }
    const { data, error } = JournalEntry.safeParse(value)
    if (data) journal.push(data)
    else unreadable.push({ sequence, reason: reasonOf(error).slice(0, 512) })
    bytes += Buffer.byteLength(JSON.stringify(data ?? error.message))
  }
  return { journal, unreadable, more: false }
}

function briefOf(incident: Incident): Brief {
  const { id, instance, openedAt, closedAt, drill, verdict, cut, findings, steps, releaseRefused } = incident
  return {
    id,
    instance,
    openedAt,
    ...(closedAt === undefined ? {} : { closedAt }),
    drill,
    verdict,
    state: cut.state,
    rules: [...new Set(findings.flatMap(({ signals }) => signals.map(({ rule }) => rule)))],
    failed: Object.entries(steps).flatMap(([step, { status }]) => (status === 'failed' ? [step] : [])),
    refused: releaseRefused !== undefined && closedAt === undefined,
  }
}

function byUrgency(one: Brief, other: Brief): number {
  return Number(one.closedAt !== undefined) - Number(other.closedAt !== undefined) || other.openedAt - one.openedAt
}
