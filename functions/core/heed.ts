import * as z from 'zod'
import { withAlarm } from './alarms.ts'
import { type Change, changeText } from './change.ts'
import { goOn, isClaimed } from './check-incident.ts'
import { concerns } from './concern.ts'
import { RetryableError } from './errors.ts'
import { amendIncident, type Held, settleJournal } from './incident-store.ts'
import { InstanceRow, inventoryKeys, NetworkRow, standing } from './inventory.ts'
import type { Policy } from './policy.ts'
import type { Key } from './ports.ts'
import { keepReady } from './readiness.ts'
import { checkAll, collectFailures, openIncidents, type Verified } from './verify.ts'
import type { Failed, VerifyPorts, VerifySettings } from './verify-ports.ts'

/** Of one change; CreateTags takes a thousand resources. */
const MAX_TAGGED = 100

const NOTHING: Verified = { inScope: 0, networks: 0, incidents: [], failures: [] }

/** Changes are told to the second. */
const SECOND_MS = 1000

/** When the fleet was last read because of a change. */
const Reading = z.object({ at: z.number() })
const readingKey: Key = { partition: 'verify', sort: 'fleet' }

/**
 * Looks at what a change concerns, at once and at nothing else; the schedule looks at all of it. Whoever's the change is
 * and whatever it says, only what stands in the cloud is believed. A `RetryableError` asks for the change to be told again.
 */
export async function heed(
  ports: VerifyPorts,
  settings: VerifySettings,
  change: Change,
  signal: AbortSignal,
): Promise<Verified> {
  // What respond does comes back as changes: to look at each would go round for ever.
  if (change.author === 'own' || (change.touches.length === 0 && change.guard === undefined)) return NOTHING
  const { failures, failed } = collectFailures(ports)
  // Before anything is asked: whoever took the ledger away must ring all the same.
  if (change.guard !== undefined) sound(ports, change, change.guard)
  const [open, quarantine, tagged] = await Promise.all([
    openIncidents(ports, failed),
    quarantineTouched(ports, change),
    scopeTagged(ports, settings.policy, change),
  ])
  const guard = change.guard ?? (quarantine === undefined ? undefined : `quarantine group ${quarantine}`)
  if (guard !== undefined && change.guard === undefined) sound(ports, change, guard)
  if (tagged.length > 0) soundTags(ports, change, tagged)

  const touched = change.refused === undefined
  const told = await Promise.all(
    open.map(async held => {
      const what = touched && held.incident.closedAt === undefined ? alarmOf(change, held, guard, tagged) : undefined
      if (what === undefined) return held
      return (await tell(ports, change, held, what).catch(failed(`incident ${held.incident.id}`))) ?? held
    }),
  )
  if (!touched) return { ...NOTHING, failures }

  const fleet = quarantine !== undefined || tagged.length > 0 || change.touches.includes('fleet')
  const concerned = told.filter(({ incident }) => concerns(change, incident))
  const kept = fleet ? await readFleetFor(ports, settings, change, signal, failed) : undefined
  const incidents = await checkAll(ports, settings, concerned, signal, failed)
  const busy = concerned.filter(({ incident }) => isClaimed(incident, ports.clock.now()))
  if (busy.length > 0) {
    const names = busy.map(({ incident }) => incident.id).join(', ')
    throw new RetryableError(`Cannot look at ${names} yet: another function holds the claim`)
  }
  if (failures.length > 0) throw new RetryableError(`Cannot look at all that ${change.action} concerns: ${failures[0]}`)
  return { inScope: kept?.inScope ?? 0, networks: kept?.networks ?? 0, incidents, failures }
}

/** What an incident is told of the change; `undefined`: nothing. */
function alarmOf(
  change: Change,
  { incident }: Held,
  guard: string | undefined,
  tagged: readonly string[],
): string | undefined {
  if (change.author === 'cloud') return undefined
  if (guard !== undefined) return change.author === 'other' ? `Somebody changed ${guard}` : undefined
  if (change.touches.includes('tags'))
    return change.author === 'other' && tagged.includes(incident.instance)
      ? 'The tags that decide over the instance were changed'
      : undefined
  // What names nothing may be about anything: the look itself says whether it was this.
  if (change.touches.includes('every') || !concerns(change, incident)) return undefined
  return 'Somebody changed what the cut rests on'
}

async function tell(ports: VerifyPorts, change: Change, held: Held, what: string): Promise<Held> {
  const now = ports.clock.now()
  const told = await amendIncident(ports.ledger, held, undefined, incident => withAlarm(incident, change, what, now))
  if (!told.incident.alarms?.some(({ event }) => event === change.id))
    ports.log.warn('alarm is not written down, since the incident has too many of the last hour', {
      incident: told.incident.id,
      event: change.id,
      change: changeText(change),
    })
  const settled = await settleJournal(ports.ledger, told, undefined, 'verify', now)
  // Where it is looked at as well, it goes on from there.
  if (!isClaimed(settled.incident, now) && !concerns(change, settled.incident)) await goOn(ports, settled)
  return settled
}

function sound({ log, metrics }: VerifyPorts, change: Change, guard: string): void {
  const { id, action, by, refused, author } = change
  const fields = { guard, event: id, action, by, refused }
  if (author === 'deployer') {
    log.info('a guard was changed by a deployer', fields)
    return
  }
  metrics.count('GuardChanged')
  log.error('a guard was changed', fields)
}

function soundTags({ log, metrics }: VerifyPorts, change: Change, instances: readonly string[]): void {
  const fields = { event: change.id, change: changeText(change), refused: change.refused, instances }
  if (change.author !== 'deployer') metrics.count('ScopeTagChanged')
  log.warn('a tag that decides over instances was changed', fields)
}

/** The prepared quarantine group whose rules the change is about. */
async function quarantineTouched({ ledger }: VerifyPorts, { touches, subjects }: Change): Promise<string | undefined> {
  if (!touches.includes('rules')) return undefined
  const rows = await ledger.list(inventoryKeys.partition, 'network/')
  const known = rows.flatMap(({ value }) => NetworkRow.safeParse(value).data?.quarantine ?? [])
  return known.find(group => subjects.includes(group))
}

/** Instances in scope, or exempt, of which a tag was changed that decides over them. */
async function scopeTagged(
  { ledger, clock }: VerifyPorts,
  policy: Policy,
  { touches, subjects, tagKeys }: Change,
): Promise<string[]> {
  if (!touches.includes('tags')) return []
  const exceptions = [...policy.modes, ...policy.suppressions].flatMap(({ scope }) => scope ?? [])
  const deciding = [policy.scope, policy.exemption, policy.drill, ...exceptions].map(({ key }) => key)
  if (!tagKeys.some(key => deciding.includes(key))) return []
  const rows = await Promise.all(subjects.slice(0, MAX_TAGGED).map(one => ledger.read(inventoryKeys.instance(one))))
  const now = clock.now()
  return rows.flatMap(row => {
    const known = row && InstanceRow.safeParse(row.value).data
    return known && standing(known, now) !== 'out' ? known.instance : []
  })
}

/** What comes in a burst, as when a group of instances is launched, is read once. */
async function readFleetFor(
  ports: VerifyPorts,
  { policy }: VerifySettings,
  change: Change,
  signal: AbortSignal,
  failed: Failed,
): Promise<{ inScope: number; networks: number } | undefined> {
  const row = await ports.ledger.read(readingKey)
  const last = row && Reading.safeParse(row.value).data?.at
  if (last !== undefined && last >= change.at + SECOND_MS) return undefined
  await ports.ledger.write(readingKey, { at: ports.clock.now() }, 'any')
  return keepReady(ports, policy, signal, failed).catch(failed('inventory'))
}
