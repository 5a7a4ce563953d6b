import fc from 'fast-check'
import type { Random } from '../../functions/sandbox/scenario/random.ts'
import { edges, oneOf } from './mutations.ts'

/** JSON records damaged in their structure, and written so that no object could hold them: keys that stand twice, deep nesting. */

const KEYS = ['__proto__', 'constructor', 'toString', '', 'length', 'x'.repeat(300)]

function hostileValue(random: Random): unknown {
  const kind = random.whole(0, 11)
  if (kind < 5) return oneOf(random, edges)
  if (kind < 8) return oneOf(random, [0, -1, 1.5, 65_536, 1e300, 2 ** 53 + 2, 1_795_000_000, 1_795_000_000_000, -0])
  return oneOf<unknown>(random, [null, true, false, [], {}, [[]], [null], { sample: true }, 'x'.repeat(5000)])
}

/** Changes about `rate` of the nodes. Objects become maps, so that a member may be called `__proto__`. */
function damaged(value: unknown, random: Random, rate: number): unknown {
  if (random.next() < rate) return hostileValue(random)
  if (Array.isArray(value)) {
    const items = value.map(item => damaged(item, random, rate))
    if (items.length > 0 && random.next() < rate)
      return [...items, ...items].slice(0, random.whole(0, items.length * 2))
    return items
  }
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([key, one]): [string, unknown] => [key, damaged(one, random, rate)])
  const kept = entries.filter(() => random.next() >= rate / 2)
  return new Map(random.next() < rate ? [...kept, [oneOf(random, KEYS), hostileValue(random)]] : kept)
}

function write(value: unknown, random: Random): string {
  if (Array.isArray(value)) return `[${value.map(item => write(item, random)).join(',')}]`
  if (value instanceof Map) {
    const twice = random.next() < 0.05
    const members = [...value].flatMap(([key, one]) => {
      const member = `${JSON.stringify(key)}:${write(one, random)}`
      return twice && random.next() < 0.5
        ? [`${JSON.stringify(key)}:${write(hostileValue(random), random)}`, member]
        : [member]
    })
    return `{${members.join(',')}}`
  }
  if (random.next() < 0.002) {
    const depth = random.whole(10, 3000)
    return random.next() < 0.5 ? '['.repeat(depth) + ']'.repeat(depth) : `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  }
  return JSON.stringify(value) ?? 'null'
}

/** The JSON text of a damaged copy. It is valid JSON, whatever else. */
export function mutateJson(sample: unknown, random: Random): string {
  return write(damaged(sample, random, oneOf(random, [0.01, 0.03, 0.1])), random)
}

const edge = fc.oneof(
  fc.constantFrom(...edges),
  fc.integer({ min: -1, max: 70_000 }),
  fc.constantFrom(1_795_000_000, 1_794_999_000, 1_795_000_000_000, 0, 2 ** 53, -1, 1e300),
  fc.ipV4(),
  fc.ipV6(),
  fc.domain(),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.jsonValue({ maxDepth: 2 }),
)

/** Records of the sample's shape: each member may be missing, each leaf may be what it was or anything. */
export function shaped(sample: unknown): fc.Arbitrary<unknown> {
  if (Array.isArray(sample))
    return fc.array(sample.length > 0 ? fc.oneof(...sample.map(shaped)) : edge, { maxLength: 3 })
  if (typeof sample === 'object' && sample !== null)
    return fc
      .tuple(...Object.entries(sample).map(([key, one]) => fc.tuple(fc.constant(key), shaped(one), fc.nat(19))))
      .map(members => Object.fromEntries(members.flatMap(([key, one, kept]) => (kept > 0 ? [[key, one]] : []))))
  return fc.oneof({ weight: 12, arbitrary: fc.constant(sample) }, { weight: 1, arbitrary: edge })
}
