import { isDeepStrictEqual } from 'node:util'
import { Budget, budgetKey } from '../../../functions/core/budget.ts'
import { COLLECT } from '../../../functions/core/evidence.ts'
import type { Incident } from '../../../functions/core/incident.ts'
import { brokenAt, readJournal } from '../../../functions/core/journal.ts'
import { Leases, leaseKey } from '../../../functions/core/leases.ts'
import { escaped } from '../../../functions/report/escape.ts'
import { stateOf } from './moment.ts'
import type { Baseline } from './phases.ts'
import { agrees, difference, exactLines, linesOf } from './projection.ts'
import type { World } from './world.ts'

/** Every invariant of a cut that does not hold, by what the sandbox knows; no word of Firebreak's is taken for it. */
export async function brokenCut(world: World, { before, phases }: Baseline): Promise<string[]> {
  const incident = await world.incident()
  if (!incident) return ['no incident was opened']
  const { cut, restorePoint } = incident
  const state = stateOf(world.deployment)
  return [
    ...(cut.state === 'cut' ? [] : [`the cut is ${cut.state}: ${cut.reasons.join('; ')}`]),
    ...(agrees(restorePoint, phases.cut.restorePoint) ? [] : ['the restore point is not the original one']),
    ...differs(incident, linesOf(state, before.cloud), linesOf(phases.proof.end.cloud, before.cloud)),
    ...(await brokenLedger(world, incident, true)),
    ...(await brokenTicket(world, incident)),
  ]
}

/** Every invariant of a release that does not hold. */
export async function brokenRelease(world: World, { before, phases }: Baseline): Promise<string[]> {
  const incident = await world.incident()
  if (!incident) return ['the incident is gone']
  const state = stateOf(world.deployment)
  return [
    ...(incident.closedAt === undefined ? ['the incident is still open'] : []),
    ...difference(exactLines(state, before.cloud), exactLines(before.cloud, before.cloud)),
    ...differs(incident, linesOf(state, before.cloud), linesOf(phases.release.end.cloud, before.cloud)),
    ...(await brokenLedger(world, incident, false)),
    ...(await brokenTicket(world, incident)),
  ]
}

/** What could not be collected may be missing where the ticket says so. */
function differs({ steps }: Incident, is: readonly string[], wanted: readonly string[]): string[] {
  const said = (steps[COLLECT]?.unable.length ?? 0) > 0
  const all = (lines: readonly string[]) => (said ? lines.filter(line => !line.startsWith('buckets ')) : lines)
  return difference(all(is), all(wanted))
}

async function brokenLedger({ reader: { ledger }, deployment }: World, incident: Incident, cut: boolean) {
  const broken: string[] = []
  const journal = await readJournal(ledger, incident.id)
  if (brokenAt(journal) !== undefined) broken.push(`the journal is broken at ${brokenAt(journal)}`)
  if (incident.claim) broken.push('a claim is left')
  if (incident.pending.length > 0) broken.push(`${incident.pending.length} lines are not in the journal`)
  const wanted = cut ? 'done' : 'reverted'
  for (const [step, { status }] of Object.entries(incident.steps))
    if (status !== wanted && !(step.startsWith('ticket-') && status === 'done'))
      broken.push(`step ${step} is ${status}`)

  const rows = await ledger.list(leaseKey('').partition)
  const leased = rows.flatMap(({ value }) => Leases.parse(value).leases)
  const standing = [...deployment.built.cloud.acls.values()].flatMap(({ id, entries }) =>
    entries
      .filter(({ allow, cidr }) => !allow && /\/(?:32|128)$/.test(cidr))
      .map(({ egress, number, cidr }) => `${id}/${egress ? 'egress' : 'ingress'}/${number}/${cidr}`),
  )
  const unleased = difference(
    leased.flatMap(one => one.entries),
    standing,
  )
  broken.push(...unleased.map(text => `lease: ${text}`))
  if (leased.some(({ incidents }) => !isDeepStrictEqual(incidents, cut ? [incident.id] : [])))
    broken.push('a lease names other incidents')

  const { cuts } = Budget.parse((await ledger.read(budgetKey))?.value ?? { cuts: [] })
  const open = cuts.filter(one => one.open).map(one => one.incident)
  if (!isDeepStrictEqual(open, cut ? [incident.id] : [])) broken.push(`the budget counts ${open.length} open cuts`)
  if ((await deployment.deadLetters()) > 0) broken.push('there are dead letters')
  return broken
}

async function brokenTicket({ reader: { ledger }, deployment }: World, incident: Incident): Promise<string[]> {
  const [ticket, ...more] = deployment.tracker.tickets()
  if (!ticket) return ['there is no ticket']
  const state = incident.closedAt === undefined ? incident.cut.state : 'restored'
  const journal = await readJournal(ledger, incident.id)
  const failed = journal
    .flatMap(({ lines }) => lines)
    .filter(({ kind, step }) => kind === 'failed' && !step?.startsWith('ticket-'))
  const untold = failed.filter(({ text }) => !ticket.markdown.includes(escaped(text)))
  return [
    ...(more.length > 0 ? [`there are ${more.length + 1} tickets`] : []),
    ...(ticket.state === state ? [] : [`the ticket says ${ticket.state} of what is ${state}`]),
    ...untold.map(({ step = '', text }) => `the ticket does not name a failure of ${step}: ${text.slice(0, 200)}`),
  ]
}
