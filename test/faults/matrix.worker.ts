import { parentPort, workerData } from 'node:worker_threads'
import { chance } from './matrix/chance.ts'
import { digestOf, roughDigestOf, stageOf } from './matrix/kills.ts'
import type { Moment } from './matrix/moment.ts'
import { type Phase, playAll } from './matrix/phases.ts'
import { type Fault, runFault, runKilled } from './matrix/runs.ts'

/** What is to be run: a fault at a point; or all functions ended at a moment, and ended once more at moments of what follows. */
export type Job =
  | { readonly phase: Phase; readonly point: string; readonly fault: Fault }
  | {
      readonly phase: Phase
      readonly killed: string
      readonly pairs?: { readonly seed: number; readonly samples: number } | undefined
    }

/** What a worker says first: what the servers saw without faults, and the moments that differ, by the call before or after which they lie. */
export interface Ready {
  readonly points: Readonly<Record<Phase, readonly string[]>>
  readonly moments: Readonly<Record<Phase, readonly string[]>>
}

export interface Ran {
  readonly run: string
  readonly broken: readonly string[]
}

/** A bit for each of the first 24 bits of a digest, shared by all threads, so that none goes on from what another has. */
export interface Known {
  readonly alike: SharedArrayBuffer
  readonly roughlyAlike: SharedArrayBuffer
}

const baseline = await playAll()
const { alike, roughlyAlike }: Known = workerData

function isNew(digest: string, known: SharedArrayBuffer): boolean {
  const place = Number.parseInt(digest.slice(0, 6), 16)
  const bit = 1 << (place & 31)
  return (Atomics.or(new Int32Array(known), place >>> 5, bit) & bit) === 0
}

const isNewMoment = (moment: Moment) => isNew(digestOf(moment, baseline.before), alike)
const endsElsewhere = (moment: Moment) => isNew(roughDigestOf(moment, baseline.before), roughlyAlike)

/** Every thread finds the same. */
function distinct(phase: Phase) {
  const own = new Map<string, readonly [string, Moment]>()
  for (const [at, moment] of baseline.phases[phase].moments) {
    const digest = digestOf(moment, baseline.before)
    if (!own.has(digest)) own.set(digest, [at, moment])
    isNewMoment(moment)
    endsElsewhere(moment)
  }
  return [...own.values()]
}

const byPhase = <T>(of: (phase: Phase) => T) =>
  ({ cut: of('cut'), proof: of('proof'), release: of('release') }) satisfies Record<Phase, T>

parentPort?.postMessage({
  points: byPhase(phase => baseline.phases[phase].points),
  moments: byPhase(phase => distinct(phase).map(([at]) => at)),
} satisfies Ready)

async function run(job: Job): Promise<Ran[]> {
  if ('fault' in job) {
    const { phase, point, fault } = job
    return [{ run: `${phase}: ${fault} at ${point}`, broken: await tried(runFault(baseline, phase, point, fault)) }]
  }
  const { phase, killed, pairs } = job
  const moment = baseline.phases[phase].moments.get(killed)
  if (!moment) return [{ run: `${phase}: ended ${killed}`, broken: ['the moment was never reached'] }]
  const neighbours: [string, Moment][] = []
  const others: [string, Moment][] = []
  const stage = stageOf(moment)
  const onMoment = (at: string, second: Moment) => {
    const isOwn = endsElsewhere(second)
    if (isOwn && Math.abs(stageOf(second) - stage) <= 1) neighbours.push([at, second])
    else if (isNewMoment(second)) others.push([at, second])
  }
  const first = runKilled(baseline, phase, moment, true, pairs ? onMoment : undefined)
  const ran = [{ run: `${phase}: ended ${killed}`, broken: await tried(first) }]
  const { seed = 0, samples = 0 } = pairs ?? {}
  const sampled = others.toSorted(([a], [b]) => chance(seed, a) - chance(seed, b)).slice(0, samples)
  for (const [at, second] of [...neighbours, ...sampled])
    ran.push({
      run: `${phase}: ended ${killed}, then ${at}`,
      broken: await tried(runKilled(baseline, phase, second, false)),
    })
  return ran
}

async function tried(broken: Promise<string[]>): Promise<string[]> {
  try {
    return await broken
  } catch (thrown) {
    return [`the run itself failed: ${thrown instanceof Error ? thrown.stack : String(thrown)}`]
  }
}

parentPort?.on('message', async (job: Job) => {
  parentPort?.postMessage(await run(job))
})
