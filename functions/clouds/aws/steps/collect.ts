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

/** Each may hold the largest file there is. */
const AT_ONCE = 6

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
  const skipped = into?.logGroups.slice(MAX_GROUPS).map(({ group }) => group) ?? []

  const folderOf = ({ prefix }: BucketSettings, { id }: Incident) => `${prefix}${id}/`

  async function keep(
    settings: BucketSettings,
    part: Part,
    work: Work,
    before: EvidenceFile | undefined,
    retainUntil: Date | undefined,
  ): Promise<Result> {
    const { incident, signal } = work
    const { name, type } = part
    const key = `${folderOf(settings, incident)}${name}`
    if (before || work.attempt > 1) {
      const standing = await store.find(settings.bucket, key, before?.version, signal)
      if (standing) return found({ name, ...standing }, before)
    }
    const { bytes, told, missing } = await part.collect(incident, signal)
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    const put = await store.put(settings, key, { bytes, sha256, type }, retainUntil, signal)
    // The client asks again where an answer got lost, and then finds what it has written itself.
    const standing = put ? { ...put, sha256 } : await store.find(settings.bucket, key, undefined, signal)
    if (standing?.sha256 !== sha256) return { unable: takenText(name, standing) }
    const { version } = standing
    const file = { name, bytes: bytes.length, sha256, ...(version === undefined ? {} : { version }) }
    return { file, done: keptText(file, told), ...(missing === undefined ? {} : { unable: `${name}: ${missing}` }) }
  }

  async function attempted(part: Part, keeping: () => Promise<Result>): Promise<Result> {
    try {
      return await keeping()
    } catch (thrown) {
      const text = `${part.name}: ${whyNot(thrown)}`
      return isPassing(thrown) ? { failure: text } : { unable: text }
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
      const { lock, note } = await lockOf(into.bucket, signal)
      const days = incident.drill ? Math.min(DRILL_DAYS, lockDays) : lockDays
      const retainUntil = lock === 'asked' && days > 0 ? new Date(clock.now() + days * DAY_MS) : undefined
      const known = new Map(evidenceOf(incident).files.map(file => [file.name, file]))
      const parts = [...consoleParts(ec2), ...configurationParts(ec2), ...recordParts(logs, clock, into.logGroups)]
      const results = new Map<string, Result>()
      const next = parts.values()
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (const part of next)
            results.set(
              part.name,
              await attempted(part, () => keep(into, part, work, known.get(part.name), retainUntil)),
            )
        }),
      )
      const all = parts.flatMap(({ name }) => results.get(name) ?? [])
      const folder = `s3://${into.bucket}/${folderOf(into, incident)}`
      const done = all.flatMap(one => one.done ?? [])
      const facts = evidenceFacts({ folder, files: all.flatMap(one => one.file ?? []) })
      const failures = all.flatMap(one => one.failure ?? [])
      const told = done.length > 0 ? [`Evidence is in ${folder}${lockText(lock, retainUntil)}`, ...done] : []
      if (failures.length > 0) throw new PartialFailure(`Cannot collect ${failures.join('; ')}`, { done: told, facts })
      return {
        done: told,
        unable: [
          ...(lockDays > 0 ? note : []),
          ...all.flatMap(one => one.unable ?? []),
          ...(skipped.length > 0 ? [`Of ${skipped.length} log groups no records: ${MAX_GROUPS} are searched`] : []),
        ],
        facts,
      }
    },

    async verify({ incident, signal }) {
      if (!into) return { holds: true, notes: [] }
      const notes = await Promise.all(
        evidenceOf(incident).files.map(async file => {
          const key = `${folderOf(into, incident)}${file.name}`
          const standing = await store.find(into.bucket, key, file.version, signal)
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

  /** Where the lock cannot be read the files are kept all the same. */
  async function lockOf(bucket: string, signal: AbortSignal): Promise<{ lock: BucketLock; note: readonly string[] }> {
    try {
      const lock = await store.lockOf(bucket, signal)
      return { lock, note: lock === 'none' ? [UNLOCKED] : [] }
    } catch (thrown) {
      if (isPassing(thrown)) throw thrown
      return { lock: 'none', note: [`The evidence bucket's object lock is not known: ${whyNot(thrown)}`] }
    }
  }
}

const NOWHERE =
  'Console, screenshot, configuration and log records are not collected: no bucket is configured (evidence.bucket)'

const UNLOCKED = 'The evidence bucket has no object lock: whoever may write to it can replace or delete what is kept'

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

function lockText(lock: BucketLock, retainUntil: Date | undefined): string {
  if (retainUntil) return `, locked in governance mode until ${retainUntil.toISOString()}`
  return lock === 'default' ? ', locked as the bucket has it by default' : ''
}
