import type { CloudWatchLogsClient } from '@aws-sdk/client-cloudwatch-logs'
import * as z from 'zod'
import { RetryableError } from '../../core/errors.ts'
import { type ClientOptions, connection, type Environment } from './clients.ts'

/** Milliseconds since the epoch, both ends within. */
export interface Window {
  readonly from: number
  readonly to: number
}

/** A page holds up to 1 MB or 10,000 records, and may hold none while CloudWatch Logs still searches. */
const MAX_PAGES = 100
const MAX_BYTES = 8 << 20

const LogRecord = z.object({
  timestamp: z.number().default(0),
  logStreamName: z.string().default(''),
  ingestionTime: z.number().optional(),
  eventId: z.string().default(''),
  message: z.string().default(''),
})
export type LogRecord = z.infer<typeof LogRecord>

interface Searched {
  readonly records: readonly LogRecord[]
  /** Why there may be more; they are the newest then. */
  readonly cutOff?: string
}

export interface LogSearch {
  /** Newest first, within the bounds. `enough` fires when what was found by then is to do. */
  search(
    group: string,
    patterns: readonly string[],
    window: Window,
    signals: { readonly signal: AbortSignal; readonly enough: AbortSignal },
  ): Promise<Searched>
  destroy(): void
}

/** The client is loaded at the first search, which stands behind the cut. */
export function logSearch(environment: Environment, options: ClientOptions = {}): LogSearch {
  let client: CloudWatchLogsClient | undefined

  async function open() {
    const sdk = await import('./sdk/logs.ts')
    client ??= new sdk.CloudWatchLogsClient(
      connection(environment, 'CLOUDWATCH_LOGS', { ...options, retryMode: 'adaptive' }),
    )
    return { sdk, client }
  }

  return {
    async search(group, patterns, { from, to }, { signal, enough }) {
      const { sdk, client } = await open()
      const abortSignal = AbortSignal.any([signal, enough])
      const records = new Map<string, LogRecord>()
      let bytes = 0
      let pages = 0
      const found = (cutOff: string) => ({ records: [...records.values()], cutOff })
      for (const filterPattern of patterns) {
        let nextToken: string | undefined
        do {
          if (pages >= MAX_PAGES) return found(`after ${MAX_PAGES} pages`)
          try {
            const page = await client.send(
              new sdk.FilterLogEventsCommand({
                logGroupName: group,
                filterPattern,
                startTime: from,
                endTime: to,
                // What the bounds leave out is the oldest.
                startFromHead: false,
                ...(nextToken === undefined ? {} : { nextToken }),
              }),
              { abortSignal },
            )
            pages++
            for (const record of z.array(LogRecord).parse(page.events ?? [])) {
              bytes += record.message.length
              if (bytes > MAX_BYTES) return found(`after ${MAX_BYTES >> 20} MB`)
              records.set(record.eventId === '' ? String(records.size) : record.eventId, record)
            }
            nextToken = page.nextToken
          } catch (thrown) {
            if (signal.aborted || !enough.aborted) throw thrown
            if (pages === 0) throw new RetryableError('CloudWatch Logs has not answered in time')
            return found('for want of time')
          }
        } while (nextToken !== undefined)
      }
      return { records: [...records.values()] }
    },
    destroy: () => client?.destroy(),
  }
}
