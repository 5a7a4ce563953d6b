import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { AclEntry } from '../../../core/description.ts'
import { entryText, freeNumbers, isDenied, ownNumbers, parseEntry } from './acl-plan.ts'

const deny = { acl: 'acl-1', peer: '203.0.113.9', egress: true }
const rule = (number: number, allow: boolean, cidr: string, more: Partial<AclEntry> = {}): AclEntry => ({
  number,
  egress: true,
  allow,
  cidr,
  protocol: '-1',
  ...more,
})
const everything = rule(100, true, '0.0.0.0/0')

test('isDenied() goes by the first rule that matches the peer', () => {
  assert.equal(isDenied([everything], deny), false)
  assert.equal(isDenied([everything, rule(99, false, '203.0.113.0/24')], deny), true)
  assert.equal(isDenied([everything, rule(101, false, '203.0.113.9/32')], deny), false)
  assert.equal(isDenied([rule(50, true, '198.51.100.0/24')], deny), true, 'the unnumbered last rule denies')
})

test('isDenied() does not take a deny of one protocol, port or direction for a deny of all', () => {
  assert.equal(isDenied([everything, rule(9, false, '203.0.113.9/32', { protocol: '6' })], deny), false)
  assert.equal(isDenied([everything, rule(9, false, '203.0.113.9/32', { ports: { from: 22, to: 22 } })], deny), false)
  assert.equal(isDenied([everything, rule(9, false, '203.0.113.9/32', { egress: false })], deny), false)
})

test('isDenied() keeps IPv4 and IPv6 apart', () => {
  const six = { ...deny, peer: '2001:db8::9' }
  const entries = [everything, rule(101, true, '::/0'), rule(7, false, '2001:db8::/64')]
  assert.equal(isDenied(entries, six), true)
  assert.equal(isDenied(entries, deny), false)
})

test('ownNumbers() finds only denies of exactly this peer', () => {
  const entries = [
    rule(3, false, '203.0.113.9/32'),
    rule(4, false, '203.0.113.0/24'),
    rule(5, true, '203.0.113.9/32'),
    rule(6, false, '203.0.113.9/32', { protocol: '6' }),
    rule(32_767, false, '0.0.0.0/0'),
  ]
  assert.deepEqual(ownNumbers(entries, deny), [3])
})

test('freeNumbers() gives every free number below the lowest allow of the peer, each once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 300 }),
      fc.array(fc.integer({ min: 1, max: 300 })),
      fc.ipV4(),
      (lowest, taken, peer) => {
        const entries = [
          rule(lowest, true, '0.0.0.0/0'),
          ...taken.map(number => rule(number, false, '198.51.100.1/32')),
        ]
        const numbers = [...freeNumbers(entries, { ...deny, peer }, new Set([7]))]
        const expected = Array.from({ length: lowest - 1 }, (_, index) => index + 1).filter(
          number => number !== 7 && !taken.includes(number),
        )
        assert.deepEqual(
          numbers.toSorted((a, b) => a - b),
          expected,
        )
      },
    ),
  )
})

test('freeNumbers() begins at different places for different peers', () => {
  const first = Array.from({ length: 20 }, (_, index) => {
    const [number] = freeNumbers([everything], { ...deny, peer: `203.0.113.${index}` }, new Set())
    return number
  })
  assert.ok(new Set(first).size >= 15, `${first}`)
})

test('parseEntry() reads what entryText() writes, IPv4 and IPv6', () => {
  for (const one of [deny, { acl: 'acl-2', peer: '2001:db8::9', egress: false }])
    assert.deepEqual(parseEntry(entryText(one, 17)), { ...one, number: 17 })
  assert.equal(entryText(deny, 17), 'acl-1/egress/17/203.0.113.9/32')
  assert.equal(parseEntry('acl-1/sideways/17/203.0.113.9/32'), undefined)
})
