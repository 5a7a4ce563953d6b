import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { Answer, Request } from '../backends.ts'
import { Refusal } from '../ec2/refusal.ts'
import { compilePattern } from './filter-pattern.ts'
import type { LogStore, StoredRecord } from './store.ts'

/** CloudWatch Logs, as its JSON 1.1 protocol has it: what searches records. */

const FilterLogEvents = z.object({
  logGroupName: z.string().min(1).max(512),
  filterPattern: z.string().default(''),
  startTime: z.number().int().min(0).default(0),
  endTime: z.number().int().min(0).default(Number.MAX_SAFE_INTEGER),
  startFromHead: z.boolean().default(true),
  limit: z.number().int().min(1).max(10_000).default(10_000),
  nextToken: z.string().max(512).optional(),
})
type FilterLogEvents = z.infer<typeof FilterLogEvents>

/** Of one page (FilterLogEvents). */
const MAX_BYTES = 1 << 20

/** From then on the newest can be had first. */
const NEWEST_FIRST_SINCE = Date.UTC(2024, 0, 1)

export function answerLogs(store: LogStore): (request: Request) => Promise<Answer> {
  return async ({ headers, body }) => {
    const target = headers['x-amz-target'] ?? ''
    try {
      if (target !== 'Logs_20140328.FilterLogEvents')
        throw new Refusal('UnknownOperationException', `The sandbox knows no ${target}`)
      const parsed = FilterLogEvents.safeParse(JSON.parse(body.toString()))
      if (!parsed.success) throw new Refusal('InvalidParameterException', z.prettifyError(parsed.error))
      return answer(200, filterLogEvents(store, parsed.data))
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      return answer(thrown.status, { __type: thrown.code, message: thrown.message })
    }
  }
}

function filterLogEvents(store: LogStore, asked: FilterLogEvents) {
  const { logGroupName, filterPattern, startTime, endTime, startFromHead } = asked
  if (!startFromHead && startTime < NEWEST_FIRST_SINCE)
    throw new Refusal('InvalidParameterException', 'startFromHead false needs a startTime on or after 2024-01-01')
  const held = store.recordsIn(logGroupName)
  if (!held) throw new Refusal('ResourceNotFoundException', 'The specified log group does not exist.')
  const matches = compilePattern(filterPattern)
  const found = held
    .filter(({ timestamp, message }) => timestamp >= startTime && timestamp <= endTime && matches(message))
    .toSorted((a, b) => (startFromHead ? a.timestamp - b.timestamp : b.timestamp - a.timestamp))
  const { page, nextToken } = pageOf(found, asked)
  return {
    events: page.map(({ id, stream, timestamp, ingestedAt, message }) => ({
      eventId: id,
      logStreamName: stream,
      timestamp,
      ingestionTime: ingestedAt,
      message,
    })),
    searchedLogStreams: [],
    ...(nextToken === undefined ? {} : { nextToken }),
  }
}

/** A token goes on with the search that gave it and no other. */
function pageOf(found: readonly StoredRecord[], { nextToken: given, limit, ...asked }: FilterLogEvents) {
  const search = createHash('sha256').update(JSON.stringify(asked)).digest('hex').slice(0, 16)
  const [, of, position] = /^([0-9a-f]{16})\/(\d{1,9})$/.exec(given ?? `${search}/0`) ?? []
  if (of !== search) throw new Refusal('InvalidParameterException', 'The specified nextToken is invalid.')
  const from = Number(position)
  let to = from
  let bytes = 0
  while (to < found.length && to - from < limit && bytes < MAX_BYTES) bytes += found[to++]?.message.length ?? 0
  return { page: found.slice(from, to), nextToken: to < found.length ? `${search}/${to}` : undefined }
}

function answer(status: number, tree: Record<string, unknown>): Answer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: Buffer.from(JSON.stringify(tree)) }
}
