import { createHash } from 'node:crypto'
import { PartialFailure } from '../../../core/errors.ts'
import { COLLECT, type EvidenceFile, evidenceFacts, evidenceOf } from '../../../core/evidence.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Clock, Step, Work } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import {
  type BucketLock,
  type BucketSettings,
  type EvidenceStore,
  findPermissions,
  putPermissions,
} from '../evidence-store.ts'
import type { LogSearch } from '../log-search.ts'
import { configurationParts, configurationPermissions } from './configuration-parts.ts'
import { consoleParts, consolePermissions } from './console-parts.ts'
import { isPassing, type Part, whyNot } from './evidence-part.ts'
import { type LogGroup, MAX_GROUPS, recordParts, recordPermissions } from './record-parts.ts'

const DAY_MS = 86_400_000

/** As for its snapshots: nobody pays longer than this for a drill. */
const DRILL_DAYS = 1

/** Files at a time: those of logs may be large. */
const AT_ONCE = { records: 4, others: 16 }

export interface CollectSettings {
  /** As for snapshots; 0: files are not locked. */
  readonly lockDays: number
  /** Absent: nothing is collected. */
  readonly collect?: (BucketSettings & { readonly logGroups: readonly LogGroup[] }) | undefined
}

export interface Collecting {
  readonly store: EvidenceStore
  readonly logs: LogSearch
  readonly clock: Clock
}

/** Where an incident's files lie. */
interface Place {
  readonly bucket: string
  /** Of their keys. */
  readonly folder: string
}

/** How the files are locked. */
interface Retention {
  readonly lock: BucketLock
  readonly until?: Date | undefined
  /** What a person has to know of it. */
  readonly note: readonly string[]
  /** The bucket could not say, and may at a later try. */
  readonly failure?: unknown
}

interface Result {
  readonly file?: EvidenceFile
  readonly done?: string
  readonly unable?: string
  readonly failure?: string
}

/**
 * Collects what would be lost or could be changed (console, screen, configuration, the records around the finding) into the
 * evidence bucket. A file is written once: what a later try would collect is no longer what the first one saw.
 */
export function collect(
  ec2: Ec2,
  { store, logs, clock }: Collecting,
  { lockDays, collect: into }: CollectSettings,
): Step {
  const skipped = into?.logGroups.slice(MAX_GROUPS).length ?? 0

  async function keep(
    place: Place,
    part: Part,
    work: Work,
    before: EvidenceFile | undefined,
    retention: Promise<Retention>,
  ): Promise<Result> {
    const { incident, signal } = work
    const { name, type } = part
    const { bucket, folder } = place
    const key = `${folder}${name}`
    if (before || work.attempt > 1) {
      const standing = await store.find(bucket, key, before?.version, signal)
      if (standing) return found({ name, ...standing }, before)
    }
    const { bytes, told, missing } = await part.collect(incident, signal)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const { until, failure } = await retention
    if (failure !== undefined) throw failure
    const put = await store.put({ bucket, key, encryption: into?.key, until }, { bytes, sha256, type }, signal)
    const standing = put ? { ...put, bytes: bytes.length, sha256 } : await store.find(bucket, key, undefined, signal)
    // An earlier try may have been on its way for longer than anybody waited for it.
    if (standing && !put && !before && work.attempt > 1) return found({ name, ...standing }, undefined)
    // The client asks again where an answer got lost, and then finds what it has written itself.
    if (standing?.sha256 !== sha256) return { unable: takenText(name, standing) }
    const file = { name, ...standing }
    return { file, done: keptText(file, told), ...(missing === undefined ? {} : { unable: `${name}: ${missing}` }) }
  }

  async function retentionOf(bucket: string, drill: boolean, signal: AbortSignal): Promise<Retention> {
    const days = drill ? Math.min(DRILL_DAYS, lockDays) : lockDays
    try {
      const lock = await store.lockOf(bucket, signal)
      const until = lock === 'asked' && days > 0 ? new Date(clock.now() + days * DAY_MS) : undefined
      return { lock, until, note: lock === 'none' && lockDays > 0 ? [UNLOCKED] : [] }
    } catch (thrown) {
      if (isPassing(thrown)) return { lock: 'none', note: [], failure: thrown }
      // Better kept without a lock than not at all.
      return { lock: 'none', note: [`The evidence bucket's object lock is not known: ${whyNot(thrown)}`] }
    }
  }

  return {
    id: COLLECT,
    stage: 'collect',
    permissions: into
      ? [
          ...configurationPermissions,
          ...consolePermissions,
          ...recordPermissions(into.logGroups),
          ...findPermissions(into),
          ...putPermissions(into),
        ]
      : [],
    verifyPermissions: into ? findPermissions(into) : [],

    async apply(work) {
      const { incident, signal } = work
      if (!into) return { done: [], unable: [NOWHERE], facts: {} }
      const place = placeOf(into, incident)
      const known = new Map(evidenceOf(incident).files.map(file => [file.name, file]))
      const retention = retentionOf(place.bucket, incident.drill, signal)
      const results = new Map<string, Result>()
      const collectOne = async (part: Part) => {
        const before = known.get(part.name)
        const result = await keep(place, part, work, before, retention).catch(refused(part.name, before))
        results.set(part.name, result)
      }
      const others = [...consoleParts(ec2), ...configurationParts(ec2)]
      const records = recordParts(logs, clock, into.logGroups)
      await Promise.all([inLanes(AT_ONCE.others, others, collectOne), inLanes(AT_ONCE.records, records, collectOne)])
      const all = [...others, ...records].flatMap(({ name }) => results.get(name) ?? [])
      // Of a log group that is configured no more.
      const earlier = [...known.values()].filter(({ name }) => !results.has(name))
      const folder = `s3://${place.bucket}/${place.folder}`
      const facts = evidenceFacts({ folder, files: [...all.flatMap(one => one.file ?? []), ...earlier] })
      const { note, ...lock } = await retention
      const kept = all.flatMap(one => one.done ?? [])
      const done = kept.length > 0 ? [`Evidence is in ${folder}${lockText(lock)}`, ...kept] : []
      const failures = all.flatMap(one => one.failure ?? [])
      if (failures.length > 0) throw new PartialFailure(`Cannot collect ${failures.join('; ')}`, { done, facts })
      return {
        done,
        unable: [
          ...note,
          ...all.flatMap(one => one.unable ?? []),
          ...(skipped > 0 ? [`Of ${skipped} log groups no records are collected: ${MAX_GROUPS} are searched`] : []),
        ],
        facts,
      }
    },

    async verify({ incident, signal }) {
      if (!into) return { holds: true, notes: [] }
      const { bucket, folder } = placeOf(into, incident)
      const notes = await Promise.all(
        evidenceOf(incident).files.map(async file => {
          const standing = await store.find(bucket, `${folder}${file.name}`, file.version, signal)
          if (!standing) return [`${file.name} is not there any more`]
          return standing.sha256 === file.sha256 ? [] : [changedText(file, standing)]
        }),
      )
      return { holds: notes.flat().length === 0, notes: notes.flat() }
    },

    async revert({ incident }) {
      const { folder, files } = evidenceOf(incident)
      return {
        done: files.length > 0 ? [`Kept as evidence: ${files.length} files in ${folder}`] : [],
        unable: [],
        facts: {},
      }
    },
  }
}

const NOWHERE =
  'Console, screenshot, configuration and log records are not collected: no bucket is configured (evidence.bucket)'

const UNLOCKED = 'The evidence bucket has no object lock: whoever may write to it can replace or delete what is kept'

/** An incident's files stay together where its first one went, whatever is configured since. */
function placeOf({ bucket, prefix }: BucketSettings, incident: Incident): Place {
  const [, before, folder] = /^s3:\/\/([^/]+)\/(.*)$/.exec(evidenceOf(incident).folder) ?? []
  return before === undefined || folder === undefined
    ? { bucket, folder: `${prefix}${incident.id}/` }
    : { bucket: before, folder }
}

async function inLanes<T>(atOnce: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const next = items.values()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (const item of next) await work(item)
    }),
  )
}

/** A file that was kept before stays listed: not having seen it is no proof that it is gone. */
const refused =
  (name: string, before: EvidenceFile | undefined) =>
  (thrown: unknown): Result => {
    const text = `${name}: ${whyNot(thrown)}`
    return { ...(before ? { file: before } : {}), ...(isPassing(thrown) ? { failure: text } : { unable: text }) }
  }

/** What an earlier try left, whose outcome was not known, or what stands in a file's place. */
function found(standing: EvidenceFile, before: EvidenceFile | undefined): Result {
  if (!before)
    return standing.sha256 === ''
      ? { unable: takenText(standing.name, standing) }
      : { file: standing, done: `${keptText(standing, undefined)}, by an earlier try` }
  if (before.sha256 === standing.sha256) return { file: before }
  // It is listed no more: what stands there is no evidence.
  return { unable: changedText(before, standing) }
}

function keptText({ name, bytes, sha256 }: EvidenceFile, told: string | undefined): string {
  return `Kept ${name}: ${bytes} bytes, SHA-256 ${sha256}${told === undefined ? '' : `, ${told}`}`
}

function takenText(name: string, standing: { readonly sha256: string } | undefined): string {
  return `${name} is not kept: something else stands there already, ${digestOf(standing)}`
}

function changedText({ name, sha256 }: EvidenceFile, standing: { readonly sha256: string }): string {
  return `${name} was kept with SHA-256 ${sha256} and now stands there ${digestOf(standing)}`
}

function digestOf(standing: { readonly sha256: string } | undefined): string {
  return standing === undefined || standing.sha256 === '' ? 'without a SHA-256' : `with SHA-256 ${standing.sha256}`
}

function lockText({ lock, until }: Pick<Retention, 'lock' | 'until'>): string {
  if (until) return `, locked in governance mode until ${until.toISOString()}`
  return lock === 'default' ? ', locked as the bucket has it by default' : ''
}
