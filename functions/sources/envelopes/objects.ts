import * as z from 'zod'
import { InputError, quoted } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import { openBridgeEvent } from './eventbridge.ts'
import { parseRecord } from './fields.ts'
import { headOfText } from './head.ts'
import { parseJson } from './json.ts'

/** A log object that was written. */
export interface ObjectNotice {
  readonly bucket: string
  /** As it is, no longer URL-encoded. */
  readonly key: string
  readonly version: string | undefined
  /** Bytes; `undefined` where the notice does not say. */
  readonly size: number | undefined
}

const WHAT = 'object notice'

const size = z.number().int().nonnegative().optional()

/** S3's own notice (S3 User Guide, "Event message structure"). */
const S3Records = z.object({
  Records: z
    .array(
      z.object({
        eventSource: z.literal('aws:s3'),
        eventName: z.string().max(128),
        s3: z.object({
          bucket: z.object({ name: z.string().min(1).max(255) }),
          object: z.object({ key: z.string().min(1).max(3072), size, versionId: z.string().max(1024).optional() }),
        }),
      }),
    )
    .max(1000),
})

/** The detail of `Object Created` on the bus: there the key is not encoded. */
const Created = z.object({
  bucket: z.object({ name: z.string().min(1).max(255) }),
  object: z.object({ key: z.string().min(1).max(1024), size, 'version-id': z.string().max(1024).optional() }),
})

const TestNotice = z.object({ Service: z.literal('Amazon S3'), Event: z.literal('s3:TestEvent') })
const Topic = z.object({ Type: z.literal('Notification'), Message: z.string() })

/**
 * The objects that a notice tells of: from S3 itself, through a topic, or from the bus. A test notice and what tells of
 * anything but a new object are none.
 * @throws InputError for what is no notice.
 */
export function openObjectNotice(notice: unknown): ObjectNotice[] {
  if (TestNotice.safeParse(notice).success) return []
  const topic = Topic.safeParse(notice)
  if (topic.success) {
    const inner = parseJson(topic.data.Message, WHAT)
    // A topic in a topic is nothing that S3 makes, and would let a message nest without end.
    if (Topic.safeParse(inner).success)
      throw new InputError(`Cannot parse ${WHAT}: a topic's message is a topic's message`)
    return openObjectNotice(inner)
  }
  if (typeof notice === 'object' && notice !== null && 'detail-type' in notice) return fromBus(notice)
  return parseRecord(S3Records, notice, WHAT)
    .Records.filter(({ eventName }) => eventName.startsWith('ObjectCreated:'))
    .map(({ s3: { bucket, object } }) => ({
      bucket: bucket.name,
      key: decoded(object.key),
      version: object.versionId,
      size: object.size,
    }))
}

function fromBus(notice: unknown): ObjectNotice[] {
  const event = openBridgeEvent(notice)
  if (event.source !== 'aws.s3' || event.type !== 'Object Created') return []
  const { bucket, object } = parseRecord(Created, event.detail, WHAT)
  return [{ bucket: bucket.name, key: object.key, version: object['version-id'], size: object.size }]
}

/** S3 encodes keys as a form does: a blank is a plus sign. */
function decoded(key: string): string {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch (cause) {
    throw new InputError(`Cannot parse ${WHAT}: key ${quoted(key)} is not URL-encoded`, { cause })
  }
}

export interface LogObject {
  /** The source whose log it is, where the key says it. */
  readonly source: string | undefined
  /** The account that AWS wrote into the key. */
  readonly account: string | undefined
  /** The firewall that AWS wrote into the key of a firewall's log. */
  readonly firewall?: string
  readonly encoding: 'plain' | 'gzip' | 'zstd' | 'parquet'
}

/** What AWS calls a log in the keys that it writes: `AWSLogs/<account>/<service>/…`. */
const SERVICES: Readonly<Record<string, string>> = {
  vpcflowlogs: 'aws-vpc-flow',
  'network-firewall': 'aws-network-firewall',
  vpcdnsquerylogs: 'aws-resolver',
}

/** What kind of log an object is, by its key; `undefined` for objects that are none: folders, manifests, markers. */
export function logObjectOf(key: string): LogObject | undefined {
  const parts = key.split('/')
  const name = (parts.at(-1) ?? '').toLowerCase()
  const encoding = encodingOf(name)
  if (encoding === undefined || name.startsWith('_') || name.startsWith('.')) return undefined
  const at = parts.lastIndexOf('AWSLogs')
  const service = at < 0 ? undefined : parts.slice(at + 1, -1).find(part => Object.hasOwn(SERVICES, part))
  const account = at < 0 ? undefined : parts.slice(at + 1).find(isAccount)
  const firewall = firewallOf(parts.slice(at + 1, -1))
  return {
    source: service === undefined ? undefined : SERVICES[service],
    account,
    ...(at >= 0 && firewall !== undefined && { firewall }),
    encoding,
  }
}

/** `network-firewall/<log type>/<region>/<firewall>/…` (Network Firewall Developer Guide, "Amazon S3"). */
function firewallOf(parts: readonly string[]): string | undefined {
  const at = parts.indexOf('network-firewall')
  return at < 0 ? undefined : parts[at + 3]
}

/**
 * Takes only what the object's own log can have written: as with a stream, a record of another account or another firewall than
 * the key names is rejected. What a key or a record does not say is not held against it.
 */
export function ofObject({ account, firewall }: Pick<LogObject, 'account' | 'firewall'>, sink: Sink): Sink {
  function fits<T extends { account?: string | undefined; firewall?: string | undefined }>(
    what: string,
    put: (record: T) => void,
  ): (record: T) => void {
    return record => {
      const reason =
        account !== undefined && !isOf(record.account, account)
          ? `field "account-id" is ${quoted(record.account)}, its object is of "${account}"`
          : firewall !== undefined && record.firewall !== undefined && record.firewall !== firewall
            ? `field "firewall_name" is ${quoted(record.firewall)}, its object is of ${quoted(firewall)}`
            : undefined
      if (reason === undefined) put(record)
      else {
        const head = headOfText(JSON.stringify(record))
        sink.reject({ position: what, reason: `Cannot use ${what}: ${reason}`, ...head })
      }
    }
  }
  // Each by name: a faster way into the sink, had it one, would pass by what is asked here.
  return {
    flow: fits('flow record', flow => sink.flow(flow)),
    coverage: fits('flow record', window => sink.coverage(window)),
    name: fits('name', seen => sink.name(seen)),
    alert: fits('alert', alert => sink.alert(alert)),
    load: load => sink.load?.(load),
    toolCall: call => sink.toolCall?.(call),
    reject: rejected => sink.reject(rejected),
  }
}

/** Interfaces that AWS itself made may be of an unknown account (Amazon VPC User Guide, "Flow log records"). */
const isOf = (account: string | undefined, other: string) =>
  account === undefined || account === 'unknown' || account === other

function encodingOf(name: string): LogObject['encoding'] | undefined {
  if (name.endsWith('.gz')) return 'gzip'
  if (name.endsWith('.zst')) return 'zstd'
  if (name.endsWith('.parquet')) return 'parquet'
  return ['.log', '.txt', '.json', '.jsonl', '.ndjson'].some(end => name.endsWith(end)) ? 'plain' : undefined
}

const isAccount = (part: string) =>
  part.length === 12 && [...part].every(character => character >= '0' && character <= '9')
