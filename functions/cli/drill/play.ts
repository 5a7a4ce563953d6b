import { setTimeout as sleep } from 'node:timers/promises'
import type { Deployment } from './deployment.ts'
import { type Trips, tripsOf } from './trips.ts'

const MINUTE_MS = 60_000
/** Every five minutes, as it is deployed; in the history, where nothing happens to the fleet, often enough to stay current. */
const VERIFY_EVERY_MS = { history: 6 * 60 * MINUTE_MS, live: 5 * MINUTE_MS }

/** Deliveries that are handled at once, as Lambda would. */
const CONCURRENCY = 16

export interface Shown {
  /** What time it is. */
  say(text: string): void
  /** Called when the functions did something that may have changed an incident. */
  changed(): Promise<void>
}

/** Lets the scenario happen, with Firebreak behind its logs. Returns the trips of each cut, and what goes on with it. */
export async function play(
  deployment: Deployment,
  shown: Shown,
  latency = 0,
): Promise<ReturnType<typeof createPlayer>> {
  const player = createPlayer(deployment, shown, latency)
  await player.advance(deployment.network.live + deployment.scenario.live)
  await player.verify()
  await player.verify()
  return player
}

/** Lets it happen until the first cut, and returns the trips of that. */
export async function playToCut(deployment: Deployment, shown: Shown, latency: number): Promise<Trips | undefined> {
  const player = createPlayer(deployment, shown, latency)
  await player.advance(deployment.network.live + deployment.scenario.live, player.cut)
  return player.trips[0]
}

/**
 * What the cloud does around the functions: delivers the logs, polls the lanes and keeps the schedule, in virtual time.
 * `latency`: milliseconds of real time that every call of respond takes, whatever service it goes to; 0: as the servers are.
 */
export function createPlayer(deployment: Deployment, shown: Shown, latency = 0) {
  const { scenario, network, clock, sandbox, tracker } = deployment
  const trips: Trips[] = []
  const cut = new AbortController()
  let verifyAt = scenario.start
  let busy: Promise<unknown>[] = []
  let minute = ''

  async function settle(): Promise<void> {
    await Promise.all(busy)
    busy = []
  }

  async function late(since: number): Promise<void> {
    if (latency > 0) await sleep(Math.max(0, since + latency - performance.now()))
  }

  async function measured<T>(invoke: () => Promise<T>): Promise<T> {
    const from = performance.now()
    const before = sandbox.calls.length
    let ticketAt: number | undefined
    const listeners = [
      sandbox.onAnswer(({ startedAt }) => late(startedAt)),
      tracker.onAnswer(async () => {
        await late(performance.now())
        ticketAt = performance.now()
      }),
    ]
    try {
      return await invoke()
    } finally {
      for (const stop of listeners) stop()
      const found = tripsOf(sandbox.calls.slice(before), from, ticketAt)
      if (found) {
        trips.push(found)
        cut.abort()
      }
    }
  }

  /** Until nothing stands in the lanes and nobody changed anything that verify is told of. */
  async function respond(): Promise<void> {
    do {
      const { handled } = await deployment.respond(measured)
      if (handled > 0) await shown.changed()
    } while ((await deployment.changes()) > 0)
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
    /** Fires at the first cut. */
    cut: cut.signal,
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
