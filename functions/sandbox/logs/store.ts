export interface StoredRecord {
  readonly id: string
  readonly stream: string
  /** Milliseconds of virtual time. */
  readonly timestamp: number
  readonly ingestedAt: number
  readonly message: string
}

interface Arrived {
  readonly group: string
  readonly stream: string
  readonly records: readonly { readonly timestamp: number; readonly message: string }[]
  readonly at: number
}

/** A day of a fleet's records is more than a laptop has room for: each group keeps its newest. */
const MAX_RECORDS = 100_000

export type LogStore = ReturnType<typeof createLogStore>

/** What CloudWatch Logs holds, by log group. */
export function createLogStore(most = MAX_RECORDS) {
  const groups = new Map<string, StoredRecord[]>()
  let sequence = 0

  function create(group: string): StoredRecord[] {
    const held = groups.get(group) ?? []
    groups.set(group, held)
    return held
  }

  return {
    create: (group: string): void => void create(group),
    put({ group, stream, records, at }: Arrived): void {
      const held = create(group)
      for (const { timestamp, message } of records) {
        sequence += 1
        held.push({ id: String(sequence).padStart(56, '0'), stream, timestamp, ingestedAt: at, message })
      }
      // Now and then, since to take away from the front moves all the rest.
      if (held.length > 2 * most) held.splice(0, held.length - most)
    },
    /** In the order in which they came; `undefined` where there is no such group. */
    recordsIn: (group: string): readonly StoredRecord[] | undefined => groups.get(group)?.slice(-most),
  }
}
