import { addressOfWord } from './address.ts'
import { conversationKey, isClosed } from './conversation.ts'
import { type ConversationTable, isService, portOf, protocolOf, remove, waysOf } from './conversation-table.ts'
import { nthSmallest } from './select.ts'

/** Lets those leave that are the least worth, in the order of `evict` (instance-state.ts). Returns the newest time of an open one among them. */
export function shrink(table: ConversationTable, most: number): number {
  const excess = table.size - most
  if (excess <= 0) return 0
  const rank = new Float64Array(table.size)
  for (let index = 0; index < table.size; index++) {
    const one = waysOf(table, index) === 3 ? table.full[index] : undefined
    const worth = one ? (isClosed(one) ? 1 : 2) : 0
    rank[index] = worth * 2 ** 40 + (table.last[index] ?? 0)
  }
  const limit = nthSmallest(rank.slice(), excess - 1)
  const gone = new Uint8Array(table.size)
  const level: number[] = []
  let count = 0
  for (let index = 0; index < table.size; index++) {
    if ((rank[index] ?? 0) < limit) {
      gone[index] = 1
      count++
    } else if (rank[index] === limit) level.push(index)
  }
  const inOrder =
    level.length === excess - count ? level : level.toSorted((a, b) => (keyAt(table, a) < keyAt(table, b) ? -1 : 1))
  for (const index of inOrder.slice(0, excess - count)) gone[index] = 1
  const open = limit >= 2 * 2 ** 40 ? limit - 2 * 2 ** 40 : 0
  remove(table, index => gone[index] === 1)
  return open
}

function keyAt({ full, peers, looks }: ConversationTable, index: number): string {
  const one = full[index]
  if (one) return conversationKey(one, one.protocol)
  const look = looks[index] ?? 0
  const peer = addressOfWord(peers[index] ?? 0)
  return conversationKey({ peer, port: portOf(look), service: isService(look) ? 'theirs' : 'ours' }, protocolOf(look))
}
