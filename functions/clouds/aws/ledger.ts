import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { DeleteCommand, type DynamoDBDocumentClient, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb'
import * as z from 'zod'
import { quoted, RetryableError, reasonOf } from '../../core/errors.ts'
import { HALT_JOURNAL, haltKey } from '../../core/halt.ts'
import type { Clock, Expectation, Key, Ledger, Permission, Row } from '../../core/ports.ts'
import { attemptsOf, codeOf, isThrottle, isUnknownOutcome } from './faults.ts'
import { itemReads } from './ledger-reads.ts'
import { ledgerTable, TTL_ATTRIBUTE } from './ledger-table.ts'

const Item = z.object({
  pk: z.string(),
  sk: z.string(),
  version: z.number(),
  value: z.unknown(),
  /** Milliseconds; the TTL attribute has seconds only. */
  until: z.number().optional(),
})
type Item = z.infer<typeof Item>

/** As large as crypto.randomInt goes: two writes never share a version, so it also tells whose write stands there. */
const VERSIONS = 2 ** 48 - 1

export interface LedgerSettings {
  readonly table: string
  /** Milliseconds from a call to its end, over all tries. */
  readonly deadline?: number
}

/** The ledger on one DynamoDB table, in single-item conditional writes. */
export function dynamoLedger(
  documents: () => DynamoDBDocumentClient,
  clock: Clock,
  { table, deadline = 20_000 }: LedgerSettings,
): Ledger {
  const inTime = () => ({ abortSignal: AbortSignal.timeout(deadline) })
  const expired = (item: Item) => item.until !== undefined && item.until <= clock.now()

  const readItem = itemReads(documents, table, inTime)

  async function get(key: Key): Promise<Item | undefined> {
    const found = await readItem(keyOf(key))
    return found && Item.parse(found)
  }

  async function fresh(key: Key): Promise<Item | undefined> {
    const item = await get(key)
    return item && !expired(item) ? item : undefined
  }

  /** Whether an expectation cannot hold any more, so that a write that is still on its way must fail. */
  function isMet(expect: Expectation, found: Item | undefined): boolean {
    return expect === 'any' || (expect === 'absent' ? found === undefined : found?.version === expect)
  }

  return {
    pause: milliseconds => sleep(milliseconds),

    read: key =>
      named('read', key, async () => {
        const item = await fresh(key)
        return item && rowOf(item)
      }),

    list: (partition, prefix = '') =>
      named('list', { partition, sort: prefix }, async () => {
        const rows: Row[] = []
        let start: Record<string, unknown> | undefined
        do {
          const page = await documents().send(
            new QueryCommand({
              TableName: table,
              ConsistentRead: true,
              // DynamoDB refuses an empty prefix.
              KeyConditionExpression: `#pk = :pk${prefix === '' ? '' : ' AND begins_with(#sk, :prefix)'}`,
              FilterExpression: 'attribute_not_exists(#until) OR #until > :now',
              ExpressionAttributeNames: { '#pk': 'pk', '#until': 'until', ...(prefix === '' ? {} : { '#sk': 'sk' }) },
              ExpressionAttributeValues: {
                ':pk': partition,
                ':now': clock.now(),
                ...(prefix === '' ? {} : { ':prefix': prefix }),
              },
              ...(start ? { ExclusiveStartKey: start } : {}),
            }),
            inTime(),
          )
          for (const item of page.Items ?? []) rows.push(rowOf(Item.parse(item)))
          start = page.LastEvaluatedKey
        } while (start)
        return rows
      }),

    write: (key, value, expect, expires) =>
      named('write', key, async () => {
        const version = randomInt(1, VERSIONS)
        const item = {
          ...keyOf(key),
          version,
          value,
          ...(expires === undefined ? {} : { until: expires, [TTL_ATTRIBUTE]: Math.ceil(expires / 1000) }),
        }
        try {
          await documents().send(
            new PutCommand({ TableName: table, Item: item, ...condition(expect, clock.now()) }),
            inTime(),
          )
          return { key, value, version }
        } catch (thrown) {
          const refused = codeOf(thrown) === 'ConditionalCheckFailedException'
          // A first try that was carried out but not answered makes the second one fail its condition.
          if (refused && attemptsOf(thrown) === 1) return undefined
          if (!refused && !isUnknownOutcome(thrown)) throw thrown
          const found = await fresh(key)
          if (found?.version === version) return { key, value, version }
          if (refused || !isMet(expect, found)) return undefined
          throw thrown
        }
      }),

    remove: (key, expect) =>
      named('remove', key, async () => {
        try {
          await documents().send(
            new DeleteCommand({ TableName: table, Key: keyOf(key), ...condition(expect, clock.now()) }),
            inTime(),
          )
          return true
        } catch (thrown) {
          const refused = codeOf(thrown) === 'ConditionalCheckFailedException'
          if (refused && attemptsOf(thrown) === 1) return false
          if (!refused && !isUnknownOutcome(thrown)) throw thrown
          const found = await fresh(key)
          // Gone after a try of ours: no trace says whose removal it was, and what was asked for is so.
          if (!found) return true
          if (refused || !isMet(expect, found)) return false
          throw thrown
        }
      }),
  }
}

function keyOf({ partition, sort }: Key) {
  return { pk: partition, sk: sort }
}

function rowOf({ pk, sk, value, version }: Item): Row {
  return { key: { partition: pk, sort: sk }, value, version }
}

function condition(expect: Expectation, now: number) {
  if (expect === 'any') return {}
  if (expect === 'absent')
    return {
      ConditionExpression: 'attribute_not_exists(#pk) OR #until <= :now',
      ExpressionAttributeNames: { '#pk': 'pk', '#until': 'until' },
      ExpressionAttributeValues: { ':now': now },
    }
  return {
    ConditionExpression: '#version = :version AND (attribute_not_exists(#until) OR #until > :now)',
    ExpressionAttributeNames: { '#version': 'version', '#until': 'until' },
    ExpressionAttributeValues: { ':version': expect, ':now': now },
  }
}

async function named<T>(action: string, { partition, sort }: Key, call: () => Promise<T>): Promise<T> {
  try {
    return await call()
  } catch (thrown) {
    const message = `Cannot ${action} ledger row ${quoted(`${partition}/${sort}`)}: ${reasonOf(thrown)}`
    if (isThrottle(thrown) || isUnknownOutcome(thrown)) throw new RetryableError(message, { cause: thrown })
    throw new Error(message, { cause: thrown })
  }
}

const resources = [`arn:aws:dynamodb:*:*:table/${ledgerTable.TableName}`]

const readLedgerPermissions: readonly Permission[] = [
  { actions: ['dynamodb:GetItem', 'dynamodb:BatchGetItem', 'dynamodb:Query'], resources },
]

export const ledgerPermissions: readonly Permission[] = [
  ...readLedgerPermissions,
  { actions: ['dynamodb:PutItem'], resources },
]

/** For what a person invokes: it writes the halt and its journal, and no incident. */
export const writeHaltPermissions: readonly Permission[] = [
  ...readLedgerPermissions,
  {
    actions: ['dynamodb:PutItem'],
    resources,
    conditions: {
      'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [haltKey.partition, `incident/${HALT_JOURNAL}`] },
    },
  },
]

/** For what reads hostile logs: whatever it is made to do, it writes no incident, lease, budget or inventory. */
export const writeTrafficPermissions: readonly Permission[] = [
  ...readLedgerPermissions,
  {
    actions: ['dynamodb:PutItem'],
    resources,
    conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['traffic/*', 'acl/*', 'scope'] } },
  },
]
