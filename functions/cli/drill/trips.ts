import { type Call, longestChain } from '../../sandbox/front.ts'

/** What the way to a cut was, from the receipt of the finding on, as the servers saw it. Times in milliseconds of real time. */
export interface Trips {
  /** The longest chain of EC2 calls, each of which began after the one before it had ended. */
  readonly roundTrips: number
  /** The same of the ledger's calls. */
  readonly ledgerTrips: number
  /** The same of all calls together: how often one had to be waited for before the next could be made. */
  readonly sequential: number
  /** Until the last answer that was part of the cut. */
  readonly cutMs: number
  /** Until the last snapshot was asked for; absent where none was. */
  readonly snapshotMs?: number
  /** Until the tracker had the ticket; absent where it was not told. */
  readonly ticketMs?: number
}

/** EC2 calls that are the cut itself. */
const CUTTING = new Set(['ModifyNetworkInterfaceAttribute', 'CreateNetworkAclEntry'])

/** The calls up to the last one that was part of the cut, or nothing where there was none. */
export function callsToCut(calls: readonly Call[]): readonly Call[] {
  const cut = calls.filter(({ service, action }) => service === 'ec2' && CUTTING.has(action))
  const until = Math.max(...cut.map(({ endedAt }) => endedAt))
  return calls.filter(({ endedAt }) => endedAt <= until)
}

/** `calls`: those of one invocation, which began at `from`; the tracker had the ticket at `ticketAt`. */
export function tripsOf(calls: readonly Call[], from: number, ticketAt: number | undefined): Trips | undefined {
  const before = callsToCut(calls)
  if (before.length === 0) return undefined
  const chain = (of: readonly Call[]) => longestChain(of).length
  const snapshots = calls.filter(({ action }) => action === 'CreateSnapshots').map(({ startedAt }) => startedAt)
  const since = (moment: number) => Math.round(moment - from)
  return {
    roundTrips: chain(before.filter(({ service }) => service === 'ec2')),
    ledgerTrips: chain(before.filter(({ service }) => service === 'dynamodb')),
    sequential: chain(before),
    cutMs: since(Math.max(...before.map(({ endedAt }) => endedAt))),
    ...(snapshots.length > 0 ? { snapshotMs: since(Math.max(...snapshots)) } : {}),
    ...(ticketAt === undefined ? {} : { ticketMs: since(ticketAt) }),
  }
}
