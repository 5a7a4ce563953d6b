import { instanceKey, readRow } from './instance-row.ts'
import { newState, trafficOf } from './instance-state.ts'
import type { Ledger } from './ports.ts'

/**
 * What the conversations say to whoever must prove a cut: the flow-log windows of each interface and the conversations
 * that may still be tracked. Times are seconds since the epoch.
 */

/** One flow-log window of an interface. `acceptedBytes` counts both directions. */
export interface Window {
  readonly interface: string
  readonly start: number
  readonly end: number
  readonly status: 'ok' | 'nodata' | 'skipped'
  readonly acceptedBytes: number
}

export interface Tracked {
  readonly peer: string
  readonly port: number
  readonly protocol: number
  readonly first: number
  /** The last accepted record: what is refused keeps nothing tracked. */
  readonly last: number
  /** A FIN or RST was seen and nothing after it. */
  readonly closed: boolean
  /** Accepted records in both directions: a refused or unanswered attempt is not tracked as established. */
  readonly established: boolean
}

export interface Traffic {
  /** Newest last; bounded to the last hours. */
  readonly windows: readonly Window[]
  readonly conversations: readonly Tracked[]
  /** True where the bound on conversations made some leave: then no proof is complete. */
  readonly truncated: boolean
}

/** An instance that nothing was seen of has no windows, so nothing is proven of it. Throws `InputError` on a corrupt row. */
export async function readTraffic(ledger: Ledger, instance: string): Promise<Traffic> {
  const row = await ledger.read(instanceKey(instance))
  return trafficOf(row ? readRow(row.value).state : newState())
}
