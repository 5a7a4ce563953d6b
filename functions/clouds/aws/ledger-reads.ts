import { setTimeout as sleep } from 'node:timers/promises'
import { BatchGetCommand, type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb'
import { RetryableError } from '../../core/errors.ts'

/** BatchGetItem takes at most a hundred keys. */
const BATCH = 100
const MAX_ROUNDS = 8

interface ItemKey {
  readonly pk: string
  readonly sk: string
}

interface Waiting {
  readonly key: ItemKey
  resolve(item: Record<string, unknown> | undefined): void
  reject(thrown: unknown): void
}

const nameOf = ({ pk, sk }: ItemKey) => JSON.stringify([pk, sk])

/**
 * Consistent reads of single items. Those that are asked for in the same turn of the event loop travel together, so
 * that the two dozen questions before a cut are one request and not as many connections.
 */
export function itemReads(
  documents: () => DynamoDBDocumentClient,
  table: string,
  inTime: () => { abortSignal: AbortSignal },
) {
  let waiting: Waiting[] = []

  async function one(key: ItemKey): Promise<Record<string, unknown> | undefined> {
    const { Item } = await documents().send(
      new GetCommand({ TableName: table, Key: key, ConsistentRead: true }),
      inTime(),
    )
    return Item
  }

  async function many(keys: readonly ItemKey[]): Promise<Map<string, Record<string, unknown>>> {
    const limits = inTime()
    const found = new Map<string, Record<string, unknown>>()
    let left: Record<string, unknown>[] = keys.map(({ pk, sk }) => ({ pk, sk }))
    for (let round = 0; left.length > 0; round++) {
      if (round === MAX_ROUNDS)
        throw new RetryableError(
          `Cannot read ${left.length} of ${keys.length} items: DynamoDB left them out ${MAX_ROUNDS} times`,
        )
      // What is left out was throttled, or beyond the 16 MB of an answer.
      if (round > 0) await sleep(20 * 2 ** round * Math.random(), undefined, { signal: limits.abortSignal })
      const { Responses = {}, UnprocessedKeys = {} } = await documents().send(
        new BatchGetCommand({ RequestItems: { [table]: { Keys: left, ConsistentRead: true } } }),
        limits,
      )
      for (const item of Responses[table] ?? [])
        found.set(nameOf({ pk: String(item['pk']), sk: String(item['sk']) }), item)
      left = UnprocessedKeys[table]?.Keys ?? []
    }
    return found
  }

  async function fetchBatch(batch: readonly Waiting[]): Promise<void> {
    // The same item may be asked for twice, and DynamoDB refuses a batch that names it twice.
    const keys = [...new Map(batch.map(({ key }) => [nameOf(key), key])).values()]
    try {
      const [only] = keys
      if (only && keys.length === 1) {
        const item = await one(only)
        for (const { resolve } of batch) resolve(item)
        return
      }
      const found = await many(keys)
      for (const { key, resolve } of batch) resolve(found.get(nameOf(key)))
    } catch (thrown) {
      for (const { reject } of batch) reject(thrown)
    }
  }

  function flush(): void {
    const all = waiting
    waiting = []
    for (let start = 0; start < all.length; start += BATCH) void fetchBatch(all.slice(start, start + BATCH))
  }

  return (key: ItemKey): Promise<Record<string, unknown> | undefined> =>
    new Promise((resolve, reject) => {
      if (waiting.length === 0) setImmediate(flush)
      waiting.push({ key, resolve, reject })
    })
}
