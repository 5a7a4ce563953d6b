import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import type { Incident } from '../../../functions/core/incident.ts'
import type { TrackedTicket } from '../../../functions/sandbox/tracker.ts'
import { playToFinding, scaleBreakout, verified } from '../stage.ts'
import type { Moment } from './moment.ts'
import { createWorld, type Line, VISIBLE_AGAIN_MS, type WorldOptions } from './world.ts'

const MINUTE = 60_000

/** From the finding to the end of what respond does at once; until the cut is proven; from the request to the end of the release. */
export const PHASES = ['cut', 'proof', 'release'] as const
export type Phase = (typeof PHASES)[number]

/** A phase without faults. */
export interface Played {
  readonly phase: Phase
  readonly start: Moment
  /** The points that the servers saw, in the order in which they came. */
  readonly points: readonly string[]
  /** The world at each point, before and after it. */
  readonly moments: ReadonlyMap<string, Moment>
  readonly end: Moment
  readonly restorePoint: Incident['restorePoint']
}

export interface Baseline {
  readonly aftermath: readonly Line[]
  /** Before the finding's order was handled: what a release must give back. */
  readonly before: Moment
  readonly phases: Readonly<Record<Phase, Played>>
}

const Message = z.object({ logEvents: z.array(z.object({ timestamp: z.number(), message: z.string() })) })

function linesOf({ awslogs }: { readonly awslogs: { readonly data: string } }) {
  return Message.parse(JSON.parse(gunzipSync(Buffer.from(awslogs.data, 'base64')).toString())).logEvents
}

/** The world when the finding's order waits in the lane, and what the flow log brings once that was handled. */
async function playToOrder(): Promise<{ before: Moment; aftermath: Line[] }> {
  const world = await createWorld()
  const { network, clock } = world.deployment
  try {
    await verified(world.deployment)
    // Its checks take longer than two functions that are ended one after the other.
    scaleBreakout(world.deployment, { unhealthyAfter: 4 * VISIBLE_AGAIN_MS })
    await playToFinding(world.deployment)
    const before = world.moment()
    await world.deliver()
    const aftermath: Line[] = []
    for await (const { stream, payload } of network.run({ until: clock.now() + 3 * MINUTE }))
      aftermath.push(...linesOf(payload).map(line => ({ stream, ...line })))
    return { before, aftermath }
  } finally {
    await world.close()
  }
}

const sum = (tickets: readonly TrackedTicket[]) => tickets.reduce((all, { deliveries }) => all + deliveries, 0)

async function play(phase: Phase, start: Moment, aftermath: readonly Line[]): Promise<Played> {
  const moments = new Map<string, Moment>()
  const onMoment: NonNullable<WorldOptions['onMoment']> = (at, moment) => moments.set(at, moment)
  const world = await createWorld({ start, aftermath, onMoment })
  try {
    if (phase === 'cut') await world.deliver()
    else if (phase === 'proof') await world.contain()
    else await world.release()
    const { sandbox, tracker } = world.deployment
    const served = sandbox.calls.filter(({ session }) => session !== undefined).length
    const told = sum(tracker.tickets()) - sum(start.tickets)
    if (world.seen.length !== served + told)
      throw new Error(
        `Cannot play ${phase}: the servers saw ${served + told} calls, and ${world.seen.length} points are known`,
      )
    const incident = await world.incident()
    return { phase, start, points: world.seen, moments, end: world.moment(), restorePoint: incident?.restorePoint }
  } finally {
    await world.close()
  }
}

export async function playAll(): Promise<Baseline> {
  const { before, aftermath } = await playToOrder()
  const cut = await play('cut', before, [])
  const proof = await play('proof', cut.end, aftermath)
  const release = await play('release', proof.end, [])
  return { before, aftermath, phases: { cut, proof, release } }
}
