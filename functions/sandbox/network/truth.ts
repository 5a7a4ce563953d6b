/**
 * What really passed, kept apart from all logs: the drill holds what verify says against it. Only the live phase is kept
 * in detail; the bytes of the history are summed.
 */

export interface Survivor {
  /** `reverse tunnel to 203.0.113.9:22` */
  readonly label: string
  readonly peer: string
  readonly port: number
  readonly bytes: number
}

export interface Carried {
  readonly label: string
  readonly peer: string
  readonly port: number
}

interface Ledger {
  readonly times: number[]
  readonly bytes: number[]
  readonly carried: Carried[]
  before: number
}

export function createTruth(detailedFrom: number) {
  const ledgers = new Map<string, Ledger>()

  function record(instance: string, at: number, bytes: number, carried: Carried): void {
    let ledger = ledgers.get(instance)
    if (!ledger) {
      ledger = { times: [], bytes: [], carried: [], before: 0 }
      ledgers.set(instance, ledger)
    }
    if (at < detailedFrom) {
      ledger.before += bytes
      return
    }
    ledger.times.push(at)
    ledger.bytes.push(bytes)
    ledger.carried.push(carried)
  }

  /** Bytes by what carried them, strictly after the moment. */
  function survivors(instance: string, since: number): Survivor[] {
    if (since < detailedFrom) throw new RangeError('Cannot tell bytes of the history apart: ask from the live phase on')
    const ledger = ledgers.get(instance)
    const found = new Map<string, Survivor>()
    for (const [index, at] of ledger?.times.entries() ?? []) {
      const carried = ledger?.carried[index]
      if (at <= since || !carried) continue
      const { label, peer, port } = carried
      const bytes = (found.get(label)?.bytes ?? 0) + (ledger?.bytes[index] ?? 0)
      found.set(label, { label, peer, port, bytes })
    }
    return [...found.values()].toSorted((a, b) => b.bytes - a.bytes || (a.label < b.label ? -1 : 1))
  }

  return {
    record,
    survivors,
    /** Both directions, on any interface of the instance. */
    bytesSince: (instance: string, since: number) =>
      survivors(instance, since).reduce((sum, { bytes }) => sum + bytes, 0),
    bytesInAll(instance: string): number {
      const ledger = ledgers.get(instance)
      return ledger ? ledger.bytes.reduce((sum, bytes) => sum + bytes, ledger.before) : 0
    },
  }
}
