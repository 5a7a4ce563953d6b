import { gzipSync } from 'node:zlib'

export interface LogEvent {
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly message: string
}

/** One subscription event of CloudWatch Logs, as a function receives it. */
export interface Delivery {
  readonly kind: 'flow' | 'firewall' | 'trace'
  readonly group: string
  readonly stream: string
  readonly payload: { readonly awslogs: { readonly data: string } }
  /** What the payload holds, as the log group keeps it. */
  readonly records: readonly LogEvent[]
  /** When it arrives, milliseconds since the epoch. */
  readonly at: number
  readonly events: number
}

const PADDING = '0'.repeat(24)

/** Makes payloads with event ids that never repeat, in the form of the real ones: 56 digits, growing with time. */
export function createPacker(account: string, after = 0) {
  let sequence = after
  return function pack(
    kind: Delivery['kind'],
    group: string,
    stream: string,
    events: readonly LogEvent[],
    at: number,
  ): Delivery {
    const message = {
      messageType: 'DATA_MESSAGE',
      owner: account,
      logGroup: group,
      logStream: stream,
      subscriptionFilters: ['firebreak'],
      logEvents: events.map(({ timestamp, message }) => {
        sequence += 1
        return {
          id: `${3_000_000_000_000_000 + timestamp}${PADDING}${1_000_000_000_000_000 + sequence}`,
          timestamp,
          message,
        }
      }),
    }
    // Level 1: the sandbox writes a day of a fleet's records, and nobody stores them.
    const data = gzipSync(JSON.stringify(message), { level: 1 }).toString('base64')
    return { kind, group, stream, payload: { awslogs: { data } }, records: events, at, events: events.length }
  }
}
