import type { Named, RuleCase } from '../../core/rule-case.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** Text as base 32 makes it of data, the same each time. */
function encoded(seed: number, length: number): string {
  let state = (seed + 1) * 0x9e3779b1
  return Array.from({ length }, () => {
    state = (Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x6d2b79f5) >>> 0
    return ALPHABET[state & 31] ?? ''
  }).join('')
}

function asked(count: number, name: (index: number) => string): Named[] {
  return Array.from({ length: count }, (_, index) => ({
    name: name(index),
    addresses: [],
    at: Math.floor((index * 50) / count),
  }))
}

export const cases: readonly RuleCase[] = [
  {
    name: '300 encoded names under one suffix in an hour',
    matches: true,
    decision: 'alert',
    did: { names: asked(300, index => `${encoded(index, 50)}.t.example.net`), judgedAt: 55 },
  },
  {
    name: 'the same in several labels',
    matches: true,
    decision: 'alert',
    did: { names: asked(900, index => `${encoded(index, 60)}.${encoded(index + 5000, 40)}.example.net`), judgedAt: 55 },
  },
  {
    name: 'a suffix of the cloud itself, whose names are hashes',
    matches: false,
    decision: 'none',
    did: { names: asked(300, index => `${encoded(index, 40)}.s3.amazonaws.com`), judgedAt: 55 },
  },
  {
    name: 'a blocklist that the operator allows',
    matches: false,
    decision: 'none',
    did: {
      names: asked(300, index => `${encoded(index, 40)}.hbl.example.org`),
      settings: { allow: { names: ['example.org'] } },
      judgedAt: 55,
    },
  },
  {
    name: 'many ordinary hosts of one suffix',
    matches: false,
    decision: 'none',
    did: { names: asked(500, index => `worker-${index}.eu-west-1.compute.example.com`), judgedAt: 55 },
  },
  {
    name: 'reverse lookups of IPv6 addresses',
    matches: false,
    decision: 'none',
    did: { names: asked(300, index => `${[...encoded(index, 32)].join('.')}.ip6.arpa`), judgedAt: 55 },
  },
  {
    name: 'a few encoded names',
    matches: false,
    decision: 'none',
    did: { names: asked(40, index => `${encoded(index, 50)}.cdn.example.net`), judgedAt: 55 },
  },
]
