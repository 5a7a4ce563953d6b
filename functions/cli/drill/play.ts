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

export interface Shown {
  /** What time it is. */
  say(text: string): void
  /** Called when the functions did something that may have changed an incident. */
  changed(): Promise<void>
}

/** Lets the scenario happen, with Firebreak behind its logs. Returns the trips of the first cut, if there was one. */
export async function play(deployment: Deployment, shown: Shown): Promise<Trips | undefined> {
  const player = createPlayer(deployment, shown)
  await player.advance(deployment.network.live + deployment.scenario.live)
  await player.verify()
  await player.verify()
  return player.trips[0]
}

/** What the cloud does around the functions: delivers the logs, polls the lanes and keeps the schedule, in virtual time. */
export function createPlayer(deployment: Deployment, shown: Shown) {
  const { scenario, network, clock } = deployment
  const trips: Trips[] = []
  let verifyAt = scenario.start
  let busy: Promise<unknown>[] = []
  let minute = ''

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

  async function respond(): Promise<void> {
    const { handled } = await deployment.respond(measured)
    if (handled > 0) await shown.changed()
  }

  async function verify(): Promise<void> {
    await settle()
    const live = clock.now() >= network.live
    verifyAt = clock.now() + (live ? VERIFY_EVERY_MS.live : VERIFY_EVERY_MS.history)
    const { failures, incidents } = await deployment.verify()
    if (failures.length > 0) throw new Error(`Cannot verify: ${failures.join('; ')}`)
    if (incidents.length > 0) await shown.changed()
    await respond()
  }

  return {
    trips,
    verify,
    /** Lets time go on until then, or until the signal says stop. */
    async advance(until: number, stop?: AbortSignal): Promise<void> {
      if (clock.now() >= verifyAt) await verify()
      let seen = clock.now()
      for await (const delivery of network.run({ until })) {
        if (stop?.aborted) break
        if (clock.now() !== seen) {
          seen = clock.now()
          const text = clockText(seen, network.live)
          if (text !== minute) shown.say(text)
          minute = text
          await settle()
          await respond()
          if (seen >= verifyAt) await verify()
        }
        busy.push(deployment.watch(delivery.payload))
        if (busy.length >= CONCURRENCY) await settle()
      }
      await settle()
      await respond()
    },
  }
}

/** Virtual time, told from the beginning of the live phase. */
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
