import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { reasonOf } from '../../functions/core/errors.ts'
import { createRandom } from '../../functions/sandbox/scenario/random.ts'
import { eventTargets } from './event-targets.ts'
import { logTargets, type Target } from './log-targets.ts'

/** An input that broke its target. Its line of JSON is all that is needed to try it again. */
export interface Failure {
  readonly target: string
  /** Of the input's own chance: `seed/number`. */
  readonly seed: string
  /** Base64. */
  readonly input: string
  readonly reason: string
}

export const targets: readonly Target[] = [...logTargets(), ...eventTargets()]

/** Of each target's inputs one in so many is made by its shape, the others from real ones. */
const SHAPED = 4
const BLOCK = 250

/** Makes and checks `inputs` inputs from number `first` on, the targets in turn. The same seed gives the same inputs. */
function* fuzz(inputs: number, seed: number, first: number): Generator<number, Failure | undefined> {
  const prepared = targets.map((): string[] => [])
  for (let number = first; number < first + inputs; number++) {
    const index = number % targets.length
    const target = targets[index]
    const ready = prepared[index]
    if (!target || !ready) throw new Error('Cannot fuzz: there is no target')
    const chance = `${seed}/${number}`
    const random = createRandom(chance)
    let input: Uint8Array
    if (Math.floor(number / targets.length) % SHAPED === 0) {
      if (ready.length === 0) ready.push(...fc.sample(target.structured, { numRuns: BLOCK, seed: seed + number }))
      input = Buffer.from(ready.pop() ?? '')
    } else input = target.damaged(random)
    const failure = attempt(target, input, chance)
    if (failure) return failure
    // Whoever runs this has to let the event loop turn: what zlib held is freed only then.
    if (number % 500 === 499) yield number + 1 - first
  }
  return undefined
}

/** The first failure, if any. `progress` is told how many inputs are done, now and then. */
export async function fuzzed(
  inputs: number,
  seed: number,
  { first = 0, progress = () => {} }: { readonly first?: number; progress?(done: number): void } = {},
): Promise<Failure | undefined> {
  const run = fuzz(inputs, seed, first)
  for (;;) {
    const step = run.next()
    if (step.done) return step.value
    progress(step.value)
    await setImmediate()
  }
}

function attempt(target: Target, input: Uint8Array, seed: string): Failure | undefined {
  try {
    target.check(input, createRandom(`${seed} check`))
    return undefined
  } catch (thrown) {
    const stack = thrown instanceof Error ? (thrown.stack ?? '') : ''
    const reason = `${reasonOf(thrown)}\n${stack}`
    return { target: target.id, seed, input: Buffer.from(input).toString('base64'), reason }
  }
}

/** Checks one input again. */
export function again({ target: id, seed, input }: Omit<Failure, 'reason'>): Failure | undefined {
  const target = targets.find(one => one.id === id)
  if (!target)
    throw new Error(`Cannot fuzz: there is no target ${id}; there are ${targets.map(one => one.id).join(', ')}`)
  return attempt(target, Buffer.from(input, 'base64'), seed)
}
