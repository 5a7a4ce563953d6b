import { type Call, longestChain } from '../../sandbox/front.ts'
import type { Deployment } from './deployment.ts'

const MINUTE_MS = 60_000
/** Every five minutes, as it is deployed; in the history, where nothing happens to the fleet, often enough to stay current. */
const VERIFY_EVERY_MS = { history: 6 * 60 * MINUTE_MS, live: 5 * MINUTE_MS }

/** Deliveries that are handled at once, as Lambda would. */
const CONCURRENCY = 16

/** EC2 calls that are the cut itself. */
const CUTTING = new Set(['ModifyNetworkInterfaceAttribute', 'CreateNetworkAclEntry'])

export interface Trips {
  readonly roundTrips: number
  readonly ledgerTrips: number
}

/** Lets the scenario happen, with Firebreak behind its logs. Returns the trips of the first cut, if there was one. */
export async function play(deployment: Deployment, say: (text: string) => void): Promise<Trips | undefined> {
  const { scenario, network, clock } = deployment
  const end = network.live + scenario.live
  const trips: Trips[] = []
  let verifyAt = scenario.start
  let busy: Promise<unknown>[] = []

  async function settle(): Promise<void> {
    await Promise.all(busy)
    busy = []
  }

  async function measured<T>(invoke: () => Promise<T>): Promise<T> {
    const from = performance.now()
    const result = await invoke()
    const found = tripsSince(deployment.sandbox.calls, from)
    if (found) trips.push(found)
    return result
  }

  async function keepTime(): Promise<void> {
    if (clock.now() < verifyAt) return
    await settle()
    const live = clock.now() >= network.live
    verifyAt = clock.now() + (live ? VERIFY_EVERY_MS.live : VERIFY_EVERY_MS.history)
    const { failures } = await deployment.verify()
    if (failures.length > 0) throw new Error(`Cannot verify: ${failures.join('; ')}`)
    await deployment.respond(measured)
  }

  await keepTime()
  let shown = 0
  for await (const delivery of network.run({ until: end })) {
    if (clock.now() !== shown) {
      shown = clock.now()
      say(clockText(shown, network.live))
      await settle()
      await deployment.respond(measured)
      await keepTime()
    }
    busy.push(deployment.watch(delivery.payload))
    if (busy.length >= CONCURRENCY) await settle()
  }
  await settle()
  await deployment.respond(measured)
  verifyAt = 0
  await keepTime()
  await keepTime()
  return trips[0]
}

function clockText(now: number, live: number): string {
  const minutes = Math.floor((now - live) / MINUTE_MS)
  return minutes < 0 ? `history, ${-Math.ceil(minutes / 60)} h to go` : `minute ${minutes}`
}

/** The chain of calls from the receipt to the last answer that was part of the cut, or nothing where there was none. */
function tripsSince(calls: readonly Call[], from: number): Trips | undefined {
  const since = calls.filter(({ startedAt }) => startedAt >= from)
  const cut = since.filter(({ service, action }) => service === 'ec2' && CUTTING.has(action))
  if (cut.length === 0) return undefined
  const until = Math.max(...cut.map(({ endedAt }) => endedAt))
  const chain = (wanted: string) =>
    longestChain(since.filter(({ service, endedAt }) => service === wanted && endedAt <= until)).length
  return { roundTrips: chain('ec2'), ledgerTrips: chain('dynamodb') }
}
