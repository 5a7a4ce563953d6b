import { isDeepStrictEqual } from 'node:util'
import { type Evidence, evidenceOf } from '../core/evidence.ts'
import type { Exhibit } from '../core/finding.ts'
import type { Denial, Incident, StepRecord } from '../core/incident.ts'
import { brokenAt, type JournalEntry, type JournalLine } from '../core/journal.ts'
import type { Signal } from '../core/signal.ts'
import type { Undo } from '../core/undo.ts'
import { exhibitsOf, firstSeen, reasonsOf, rulesOf, signalsOf } from './evidence.ts'
import { type Commands, commandsOf, type ReportInput } from './input.ts'
import { withoutFiles } from './kept.ts'
import { type Situation, situationOf } from './situation.ts'
import { capitalised, counted, durationOf, listed, timeOf } from './text.ts'

/** What both outputs tell, decided once. Hostile text is in it as it came. */
export interface Story {
  readonly incident: Incident
  readonly now: number
  readonly title: string
  /** The title without the instance. */
  readonly what: string
  readonly situation: Situation
  readonly reasons: readonly string[]
  readonly facts: readonly (readonly [name: string, value: string])[]
  readonly signals: readonly Signal[]
  readonly why: { readonly strongest: readonly Signal[]; readonly calls: readonly Signal[] }
  readonly exhibits: readonly Exhibit[]
  readonly steps: readonly (readonly [id: string, record: StepRecord])[]
  readonly evidence: Evidence
  readonly gaps: readonly string[]
  readonly denials: readonly Denial[]
  readonly timeline: readonly Moment[]
  /** Whether the journal can be relied on. */
  readonly chain: { readonly intact: boolean; readonly text: string }
  readonly commands: Commands
  readonly undo: readonly Undo[]
}

export interface Moment extends JournalLine {
  readonly by: string
}

/** `Reverse tunnel and mining pool on i-0abc`, marked where it is a drill. */
export function titleOf(incident: Incident): string {
  return `${whatOf(incident)} on ${incident.instance}`
}

function whatOf(incident: Incident): string {
  const rules = rulesOf(incident)
  const what = rules.length > 0 ? listed(rules.slice(0, 3)) : 'finding'
  return `${incident.drill ? 'Drill: ' : ''}${capitalised(what)}`
}

export function storyOf(input: ReportInput): Story {
  const { incident, now } = input
  const signals = signalsOf(incident)
  return {
    incident,
    now,
    title: titleOf(incident),
    what: whatOf(incident),
    situation: situationOf(incident),
    reasons: incident.cut.reasons,
    facts: factsOf(incident, now),
    signals,
    why: reasonsOf(signals),
    exhibits: exhibitsOf(incident),
    steps: withoutFiles(
      incident,
      Object.entries(incident.steps).toSorted(([, a], [, b]) => a.at - b.at),
    ),
    evidence: evidenceOf(incident),
    gaps: gapsOf(incident),
    denials: incident.denials,
    timeline: timelineOf(input),
    chain: chainOf(input),
    commands: commandsOf(input),
    undo: input.undo ?? [],
  }
}

function factsOf(incident: Incident, now: number): Story['facts'] {
  const {
    findings,
    openedAt,
    closedAt,
    cut,
    account,
    region,
    verdict,
    verdictReason,
    approvableUntil,
    approvedBy,
    releasedBy,
    restorePoint,
  } = incident
  const strongest = findings.reduce<(typeof findings)[number] | undefined>(
    (most, one) => (most && most.score >= one.score ? most : one),
    undefined,
  )
  const first = firstSeen(incident)
  const name = restorePoint?.tags['Name']
  const facts: (readonly [string, string | undefined])[] = [
    ['Instance', name ? `${incident.instance} (${name})` : incident.instance],
    ['Account and region', `${account}, ${region}`],
    ['Score', strongest && `${strongest.score} (${strongest.decision}) in ${counted(findings.length, 'finding')}`],
    ['Policy', verdictReason],
    ['First seen', first === undefined ? undefined : timeOf(first * 1000)],
    ['Opened', timeOf(openedAt)],
    ['Cut', cut.at === undefined ? undefined : `${timeOf(cut.at)}, ${durationOf(cut.at - openedAt)} after opening`],
    [
      'Last checked',
      cut.checkedAt === undefined ? undefined : `${timeOf(cut.checkedAt)}, ${durationOf(now - cut.checkedAt)} ago`,
    ],
    [
      'Open to approval until',
      verdict === 'approval' && approvableUntil !== undefined ? timeOf(approvableUntil) : undefined,
    ],
    ['Approved by', approvedBy],
    ['Release asked by', releasedBy],
    ['Closed', closedAt === undefined ? undefined : timeOf(closedAt)],
  ]
  return facts.flatMap(([label, value]) => (value === undefined || value === '' ? [] : [[label, value] as const]))
}

/** What nobody may take for covered: what steps could not do, what failed, and peers that are not denied. */
function gapsOf({ steps, denials, cut }: Incident): string[] {
  const unable = Object.entries(steps).flatMap(([id, record]) => record.unable.map(text => `${id}: ${text}`))
  const failed = Object.entries(steps)
    .filter(([, { status }]) => status === 'failed')
    .map(([id, { reason }]) => `${id} failed: ${reason}`)
  const open = denials
    .filter(({ allowed }) => !allowed)
    .map(({ peer, acl, reason }) => `${peer} is not denied in ${acl}: ${reason}`)
  const known = new Set(cut.reasons)
  return [...new Set([...failed, ...unable, ...open])].filter(gap => !known.has(gap))
}

function timelineOf({ incident, journal }: ReportInput): Moment[] {
  const linked = linkedOf(journal).flatMap(({ by, lines }) => lines.map(line => ({ ...line, by })))
  // Lines that are not linked yet were written together with the change that they tell of, so they are as true.
  const settled = isDeepStrictEqual(linkedOf(journal).at(-1)?.lines, incident.pending)
  const pending = settled ? [] : incident.pending.map(line => ({ ...line, by: 'not linked yet' }))
  return startsTogether([...linked, ...pending].toSorted((a, b) => a.at - b.at))
}

/** Without the entry that stands for the pending lines: those are the incident's. */
function linkedOf(journal: readonly JournalEntry[]): JournalEntry[] {
  return journal.filter(({ hash }) => hash !== '')
}

/** Steps that start at once are one moment. */
function startsTogether(moments: readonly Moment[]): Moment[] {
  const told: Moment[] = []
  let starting: string[] = []
  for (const moment of moments) {
    const before = told.at(-1)
    const together =
      before &&
      moment.kind === 'intent' &&
      before.kind === 'intent' &&
      moment.at === before.at &&
      moment.step !== undefined
    if (together) {
      starting.push(moment.step ?? '')
      const { step: _several, ...rest } = before
      told[told.length - 1] = { ...rest, text: `Start ${listed(starting)}` }
      continue
    }
    starting = moment.step === undefined ? [] : [moment.step]
    told.push(moment)
  }
  return told
}

function chainOf({ incident, journal: told }: ReportInput): Story['chain'] {
  const journal = linkedOf(told)
  const broken = brokenAt(journal)
  const last = journal.at(-1)
  if (broken !== undefined)
    return { intact: false, text: `The journal's hash chain breaks at entry ${broken}: do not rely on what follows it` }
  if (incident.journal.sequence > (last?.sequence ?? 0))
    return {
      intact: false,
      text: `The journal ends at entry ${last?.sequence ?? 0} and the incident knows of ${incident.journal.sequence}: entries are missing`,
    }
  const head = journal.find(({ sequence }) => sequence === incident.journal.sequence)
  if (head && head.hash !== incident.journal.hash)
    return { intact: false, text: `Entry ${head.sequence} of the journal is not the one that the incident knows of` }
  if (!last) return { intact: true, text: 'The journal has no entry yet' }
  return { intact: true, text: `The journal's hash chain is intact: ${journal.length} entries, the last ${last.hash}` }
}
