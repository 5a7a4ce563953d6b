import type { FaultKind } from '../../../functions/sandbox/faults.ts'
import { brokenCut, brokenRelease } from './invariants.ts'
import type { Moment } from './moment.ts'
import type { Baseline, Phase } from './phases.ts'
import { agrees } from './projection.ts'
import { createWorld, VISIBLE_AGAIN_MS, type Watcher, type World } from './world.ts'

/** Each with how often it comes: the client tries again, and what it asks then is throttled, too. */
export const FAULTS = {
  throttled: ['throttle', 3],
  error: ['error', 1],
  'reset-before': ['drop', 1],
  'reset-after': ['drop-after-effect', 1],
  timeout: ['late', 1],
  denied: ['denied', 1],
} as const satisfies Record<string, readonly [FaultKind, number]>
export type Fault = keyof typeof FAULTS

/** Milliseconds after which a function gives up on a request that is never answered. */
export const PATIENCE_MS = 1000

/** Of a change that is carried out and not known to have been, the cut may have left more than the one without faults. */
const MAY_LEAVE_MORE: readonly Fault[] = ['reset-after', 'timeout']

const READING = /^\w+ (?:\w*Get|Batch|Describe|Query|Head|List|Filter)/

/** One point, one fault. Returns what does not hold in the end. */
export async function runFault(baseline: Baseline, phase: Phase, point: string, fault: Fault): Promise<string[]> {
  const [kind, times] = FAULTS[fault]
  const call = point.slice(0, point.lastIndexOf('#'))
  let left: number = times
  let met = false
  const watcher: Watcher = seen => {
    met ||= seen === point
    if (!met || left === 0 || !seen.startsWith(call)) return undefined
    left -= 1
    return kind
  }
  const world = await createWorld({
    start: baseline.phases[phase].start,
    aftermath: phase === 'release' ? [] : baseline.aftermath,
    watcher,
    ...(fault === 'timeout' ? { patience: PATIENCE_MS } : {}),
  })
  try {
    const broken = await goThrough(world, baseline, phase, MAY_LEAVE_MORE.includes(fault) && !READING.test(point))
    return met ? broken : [`the point was never reached`, ...broken]
  } finally {
    await world.close()
  }
}

/**
 * All functions are ended at this moment. What was not answered comes again once it is visible again. `onMoment` sees the
 * moments until the phase is through; a cut is released afterwards where `andRelease` says so.
 */
export async function runKilled(
  baseline: Baseline,
  phase: Phase,
  moment: Moment,
  andRelease: boolean,
  onMoment?: (at: string, moment: Moment) => void,
): Promise<string[]> {
  let through = false
  const world = await createWorld({
    start: { ...moment, now: moment.now + VISIBLE_AGAIN_MS },
    aftermath: phase === 'release' ? [] : baseline.aftermath,
    onMoment: (at, second) => {
      if (!through) onMoment?.(at, second)
    },
  })
  try {
    return await goThrough(world, baseline, phase, andRelease, () => {
      through = true
    })
  } finally {
    await world.close()
  }
}

async function goThrough(
  world: World,
  baseline: Baseline,
  phase: Phase,
  andRelease: boolean,
  onContained = () => {},
): Promise<string[]> {
  if (phase !== 'release') {
    await world.contain()
    onContained()
    const broken = await brokenCut(world, baseline)
    // What could not be read within the time of a cut is not in the restore point; a release manages without.
    const knowsLess = !agrees(baseline.phases.cut.restorePoint, (await world.incident())?.restorePoint)
    if (broken.length > 0 || !(andRelease || knowsLess)) return broken
  }
  await world.release()
  return brokenRelease(world, baseline)
}
