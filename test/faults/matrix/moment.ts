import type { Deployment } from '../../../functions/cli/drill/deployment.ts'
import { ledgerTable } from '../../../functions/clouds/aws/ledger-table.ts'
import type { Cloud } from '../../../functions/sandbox/cloud.ts'
import type { TrackedTicket } from '../../../functions/sandbox/tracker.ts'

export type State = Omit<Cloud, 'changed'>

/** A message of the lane, as SendMessage takes it. */
export interface Message {
  readonly MessageBody: string
  readonly MessageGroupId: string
  readonly MessageDeduplicationId: string
}

/** All that outlives the functions, at one moment: whatever is ended, this is what the next one finds. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly cloud: State
  /** By key, as DynamoDB holds them. */
  readonly items: ReadonlyMap<string, unknown>
  readonly lane: readonly Message[]
  readonly tickets: readonly TrackedTicket[]
}

export function stateOf({ built }: Deployment): State {
  const { changed: _listeners, ...state } = built.cloud
  return copied(state)
}

/** Bytes are never written over, so they are shared. */
function copied<T>(value: T): T
function copied(value: unknown): unknown {
  if (value instanceof Map) return new Map([...value].map(([key, held]) => [key, copied(held)]))
  if (Array.isArray(value)) return value.map(copied)
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, copied(held)]))
}

/** A batch of DynamoDB's takes no more. */
const BATCH = 25

/** Brings a deployment that was just made to the moment. */
export async function bringTo(deployment: Deployment, moment: Moment): Promise<void> {
  const { built, clock, tracker, lane } = deployment
  Object.assign(built.cloud, copied(moment.cloud))
  clock.set(moment.now)
  tracker.resume(moment.tickets)
  const puts = [...moment.items.values()].map(Item => ({ PutRequest: { Item } }))
  for (let at = 0; at < puts.length; at += BATCH)
    await ask(deployment, 'dynamodb', 'DynamoDB_20120810.BatchWriteItem', {
      RequestItems: { [ledgerTable.TableName]: puts.slice(at, at + BATCH) },
    })
  for (const [place, { MessageDeduplicationId: id, ...message }] of moment.lane.entries())
    await ask(deployment, 'sqs', 'AmazonSQS.SendMessage', {
      QueueUrl: lane.queueUrl,
      ...message,
      // By then SQS has forgotten the id, and the same order may be sent again: it remembers one for five minutes.
      MessageDeduplicationId: `${id.slice(0, 100)}-${place}`,
    })
}

async function ask({ lane }: Deployment, service: string, target: string, input: unknown): Promise<void> {
  const scope = `sandbox/20260101/${lane.region}/${service}/aws4_request`
  const response = await fetch(lane.endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': target,
      'x-amz-date': '20260101T000000Z',
      authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify(input),
    signal: AbortSignal.timeout(10_000),
  })
  if (!response.ok) throw new Error(`Cannot bring the sandbox to a moment: ${target} says ${await response.text()}`)
}
