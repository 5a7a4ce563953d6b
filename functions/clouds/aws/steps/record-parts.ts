import { createHash } from 'node:crypto'
import type { Clock, Permission } from '../../../core/ports.ts'
import type { LogRecord, LogSearch } from '../log-search.ts'
import type { Collected, Part } from './evidence-part.ts'
import { patternsOf, windowOf } from './record-patterns.ts'
import { restorePointOf } from './restore-point.ts'

/** A log group of the configuration, and whose records it holds. */
export interface LogGroup {
  readonly group: string
  readonly source: string
}

/** For all groups together: a person waits for the ticket. */
const MAX_MS = 15_000
/** Some accounts have a group for each VPC; a role's policies, which name each, have to stay within what IAM takes. */
export const MAX_GROUPS = 16

/** The records that configured logs hold of the instance, around the findings: one file a log group, one record a line. */
export function recordParts(logs: LogSearch, clock: Clock, groups: readonly LogGroup[]): Part[] {
  const enough = AbortSignal.timeout(MAX_MS)
  return groups.slice(0, MAX_GROUPS).map(({ group, source }) => ({
    name: `${source}-${createHash('sha256').update(group).digest('hex').slice(0, 8)}.jsonl`,
    type: 'application/jsonl',
    async collect(incident, signal): Promise<Collected> {
      const window = windowOf(incident.findings, clock.now())
      const patterns = patternsOf(source, restorePointOf(incident))
      const { records, cutOff } = await logs.search(group, patterns, window, { signal, enough })
      const [from, to] = [window.from, window.to].map(at => new Date(at).toISOString())
      const told = `${records.length} records of ${group} from ${from} to ${to}`
      return {
        bytes: Buffer.from(records.toSorted(inTime).map(lineOf).join('')),
        told,
        ...(cutOff === undefined
          ? {}
          : { missing: `the search of ${group} ended ${cutOff}: older records are not in it` }),
      }
    },
  }))
}

function inTime(a: LogRecord, b: LogRecord): number {
  return a.timestamp - b.timestamp || (a.eventId < b.eventId ? -1 : 1)
}

function lineOf(record: LogRecord): string {
  return `${JSON.stringify(record)}\n`
}

/** CloudWatch Logs takes a log group with `:*` at its end (User Guide, "CloudWatch Logs resources and operations"). */
export function recordPermissions(groups: readonly LogGroup[]): Permission[] {
  if (groups.length === 0) return []
  const resources = groups.slice(0, MAX_GROUPS).map(({ group }) => `arn:aws:logs:*:*:log-group:${group}:*`)
  return [{ actions: ['logs:FilterLogEvents'], resources }]
}
