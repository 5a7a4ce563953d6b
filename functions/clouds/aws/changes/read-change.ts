import * as z from 'zod'
import type { Change } from '../../../core/change.ts'
import { InputError } from '../../../core/errors.ts'
import type { CloudEvent } from '../../../core/source.ts'
import { subjectsOf } from './subjects.ts'
import { API_CALL, SNAPSHOT, SNAPSHOT_EVENTS, SNAPSHOTS, STATE_CHANGE, STATES, WATCHED, type Watched } from './table.ts'

export interface ChangeSettings {
  /** Unique ids of Firebreak's own roles. */
  readonly ownRoles: readonly string[]
  /** ARNs of roles and users that may change Firebreak. */
  readonly deployers: readonly string[]
  /** Names of what is Firebreak's or what it reads: table, queues, log groups, buckets. */
  readonly ours: readonly string[]
}

const text = z.string().max(2048)

const Identity = z.object({
  type: text.optional(),
  principalId: text.optional(),
  arn: text.optional(),
  invokedBy: text.optional(),
  sessionContext: z
    .object({ sessionIssuer: z.object({ principalId: text.optional(), arn: text.optional() }).optional() })
    .optional(),
})
type Identity = z.infer<typeof Identity>

/** A record of CloudTrail (AWS CloudTrail User Guide, "CloudTrail record contents"). */
const ApiCall = z.object({
  eventID: z.string().min(1).max(128),
  eventSource: z.string().max(128),
  eventName: z.string().max(128),
  errorCode: z.string().max(256).nullish(),
  userIdentity: Identity.default({}),
  requestParameters: z.unknown().optional(),
  responseElements: z.unknown().optional(),
})

const StateChange = z.object({ 'instance-id': z.string().max(64), state: z.enum(STATES) })

const Snapshot = z.object({ snapshot_id: text })
const SnapshotStatus = z.object({
  event: z.enum(SNAPSHOT_EVENTS),
  result: z.string().max(64),
  snapshot_id: text.optional(),
  snapshots: z.array(Snapshot).max(1000).optional(),
})

const TagItems = z.object({ tagSet: z.object({ items: z.array(z.object({ key: z.string().max(256) })).max(1000) }) })

/**
 * What an event of the bus tells of a change; `undefined` for one that is about nothing here.
 * @throws InputError for one that should be and cannot be read.
 */
export function readChange(event: CloudEvent, settings: ChangeSettings): Change | undefined {
  switch (event.type) {
    case STATE_CHANGE: {
      const { 'instance-id': instance, state } = parse(StateChange, event)
      return happened(event, `Instance ${state}`, ['cut', 'fleet'], [instance])
    }
    case SNAPSHOT:
    case SNAPSHOTS: {
      const { event: name, result, snapshot_id: one, snapshots = [] } = parse(SnapshotStatus, event)
      const arns = [...snapshots.map(({ snapshot_id }) => snapshot_id), ...(one === undefined ? [] : [one])]
      const ids = arns.map(arn => arn.slice(arn.lastIndexOf('/') + 1))
      return happened(event, `${name} ${result}`, ['cut'], ids)
    }
    case API_CALL:
      return readCall(event, settings)
    default:
      return undefined
  }
}

function parse<T extends z.ZodType>(schema: T, event: CloudEvent): z.infer<T> {
  const parsed = schema.safeParse(event.detail)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new InputError(`Cannot read event ${event.type}: field "${issue?.path.join('.') ?? ''}": ${issue?.message}`)
}

function happened(
  { id, time }: CloudEvent,
  action: string,
  touches: Change['touches'],
  subjects: readonly string[],
): Change {
  return { id, at: time * 1000, action, author: 'cloud', touches, subjects, tagKeys: [] }
}

function readCall(event: CloudEvent, settings: ChangeSettings): Change | undefined {
  const call = parse(ApiCall, event)
  const watched = WATCHED.filter(
    ({ service, calls }) => service === call.eventSource && calls.some(name => call.eventName.startsWith(name)),
  )
  if (watched.length === 0) return undefined
  const subjects = [...subjectsOf(call.requestParameters), ...subjectsOf(call.responseElements)]
  const guard = guardOf(watched, subjects, settings)
  const by = (call.userIdentity.arn ?? call.userIdentity.invokedBy ?? call.userIdentity.principalId)?.slice(0, 256)
  return {
    id: call.eventID,
    at: event.time * 1000,
    // Without the version that Lambda's calls carry.
    action: call.eventName.replace(/\d{8}(?:v\d)?$/, ''),
    author: authorOf(call.userIdentity, settings),
    ...(by === undefined ? {} : { by }),
    ...(call.errorCode ? { refused: call.errorCode } : {}),
    touches: [...new Set(watched.flatMap(({ touches }) => touches))],
    ...(guard === undefined ? {} : { guard }),
    subjects,
    tagKeys: TagItems.safeParse(call.requestParameters).data?.tagSet.items.map(({ key }) => key) ?? [],
  }
}

function authorOf(
  { principalId, arn, sessionContext }: Identity,
  { ownRoles, deployers }: ChangeSettings,
): Change['author'] {
  const issuer = sessionContext?.sessionIssuer
  // A name can be given again after its role was deleted; its unique id never is.
  const role = issuer?.principalId ?? principalId?.split(':')[0]
  if (role !== undefined && ownRoles.includes(role)) return 'own'
  const name = issuer?.arn ?? arn
  return name !== undefined && deployers.includes(name) ? 'deployer' : 'other'
}

function guardOf(
  watched: readonly Watched[],
  subjects: readonly string[],
  { ours }: ChangeSettings,
): string | undefined {
  if (watched.some(({ guard }) => guard === 'any')) return (subjects[0] ?? 'all of them').slice(0, 256)
  if (!watched.some(({ guard }) => guard === 'ours')) return undefined
  return subjects.find(subject => isOurs(subject, ours))?.slice(0, 256)
}

/**
 * By name: those that the stack gives all begin with its own name, whether they are given as they are, in an ARN, in a
 * queue's URL or with a version behind.
 */
function isOurs(subject: string, ours: readonly string[]): boolean {
  if (ours.includes(subject)) return true
  return subject
    .split(/[:/]/)
    .some(part => part === 'firebreak' || part.startsWith('firebreak-') || ours.includes(part))
}
