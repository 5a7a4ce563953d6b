import assert from 'node:assert/strict'
// biome-ignore lint/style/noRestrictedImports: the platform's own parser is the oracle; only the test asks it
import { BlockList, isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalAddress, compileRanges, contains, isExternal, parseCidr } from './address.ts'
import { ConfigurationError } from './errors.ts'

const four = fc.ipV4()
const six = fc.ipV6()
/** Few distinct bytes, so that prefixes and zero runs meet often. */
const near = fc
  .array(fc.constantFrom(0, 0, 1, 0xffff), { minLength: 8, maxLength: 8 })
  .map(groups => groups.map(group => group.toString(16)).join(':'))
const anyAddress = fc.oneof(four, six, near)
const almost = fc.oneof(
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefF:.%/ '), maxLength: 50 }),
  fc
    .tuple(anyAddress, fc.nat(50), fc.constantFrom('0', ':', '::', '.', 'f', '%1', ''))
    .map(([text, at, piece]) => text.slice(0, at) + piece + text.slice(at + 1)),
)

test('canonicalAddress() takes exactly what node:net takes, save zone ids', () => {
  fc.assert(
    fc.property(fc.oneof(anyAddress, almost), text => {
      const known = isIP(text) !== 0 && !text.includes('%')
      assert.equal(canonicalAddress(text) !== undefined, known, text)
    }),
    { numRuns: 20_000 },
  )
})

test('canonicalAddress() gives one text for one address, the same as the URL standard’s serializer', () => {
  fc.assert(
    fc.property(fc.oneof(six, near), text => {
      const canonical = canonicalAddress(text)
      assert.ok(canonical)
      assert.equal(canonicalAddress(canonical), canonical)
      if (canonical.includes(':')) assert.equal(`[${canonical}]`, new URL(`http://[${text}]/`).hostname)
    }),
    { numRuns: 5000 },
  )
})

test('canonicalAddress() reads the forms that logs carry', () => {
  const forms: [string, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:C000:201', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '64:ff9b::c000:201'],
    ['fe80::1%eth0', undefined],
    ['192.0.2.01', undefined],
    ['192.0.2', undefined],
    ['192.0.2.256', undefined],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['1:2:3:4::5:6:7:8', undefined],
    ['1::2::3', undefined],
    ['::ffff:192.0.2.1:1', undefined],
    ['-', undefined],
    ['', undefined],
  ]
  for (const [text, expected] of forms) assert.equal(canonicalAddress(text), expected, text)
})

test('contains() and compileRanges() agree with node:net’s BlockList', () => {
  const range = fc.oneof(
    fc.tuple(four, fc.integer({ min: 0, max: 32 })),
    fc.tuple(
      fc.oneof(six, near).filter(text => canonicalAddress(text)?.includes(':') ?? false),
      fc.integer({ min: 0, max: 128 }),
    ),
  )
  fc.assert(
    fc.property(fc.array(range, { minLength: 1, maxLength: 12 }), anyAddress, fc.nat(11), (ranges, other, pick) => {
      const base = ranges[pick % ranges.length]?.[0] ?? other
      for (const address of [other, base].map(text => canonicalAddress(text) ?? '')) {
        const family = isIP(address) === 4 ? 'ipv4' : 'ipv6'
        const list = new BlockList()
        const mine = ranges.filter(([text]) => (isIP(text) === 4) === (family === 'ipv4'))
        for (const [text, prefix] of mine) list.addSubnet(text, prefix, family)
        const texts = ranges.map(([text, prefix]) => `${text}/${prefix}`)
        assert.equal(compileRanges(texts)(address), list.check(address, family), `${address} in ${texts}`)
        const each = texts.some(text => {
          const cidr = parseCidr(text)
          return cidr !== undefined && contains(cidr, address)
        })
        assert.equal(each, list.check(address, family))
      }
    }),
    { numRuns: 3000 },
  )
})

test('parseCidr() takes a single address as a range of one and an IPv4-mapped range as IPv4', () => {
  assert.deepEqual(parseCidr('192.0.2.7'), { family: 4, prefix: 32, words: [0xc0000207] })
  assert.deepEqual(parseCidr('::ffff:10.1.2.3/104'), { family: 4, prefix: 8, words: [0x0a000000] })
  assert.deepEqual(parseCidr('2001:db8::1/32'), { family: 6, prefix: 32, words: [0x20010db8, 0, 0, 0] })
})

test('parseCidr() refuses prefixes that are none', () => {
  for (const text of [
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/08',
    '10.0.0.0/+8',
    '::/129',
    '::ffff:10.0.0.0/90',
    '/8',
    '10.0.0.0/8/8',
  ])
    assert.equal(parseCidr(text), undefined, text)
})

test('compileRanges() refuses a text that is no range and quotes it', () => {
  assert.throws(
    () => compileRanges(['10.0.0.0/8', 'ten']),
    (error: unknown) => error instanceof ConfigurationError && error.message.includes('"ten"'),
  )
})

test('isExternal() tells the internet from what is inside', () => {
  for (const address of [
    '192.0.2.1',
    '198.51.100.1',
    '203.0.113.1',
    '2001:db8::1',
    '8.8.8.8',
    '100.63.255.255',
    '100.128.0.0',
    '172.32.0.1',
    '198.20.0.1',
    '2600::1',
    '64:ff9b::c000:201',
  ])
    assert.ok(isExternal(address), address)
  for (const address of [
    '10.0.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.31.255.255',
    '192.168.1.1',
    '198.19.0.1',
    '224.0.0.251',
    '255.255.255.255',
    '0.0.0.0',
    '::',
    '::1',
    'fd00:ec2::254',
    'fe80::1',
    'fec0::1',
    'ff02::1',
    '64:ff9b::a00:1',
    '::ffff:10.0.0.1',
    'example.com',
    '',
  ])
    assert.ok(!isExternal(address), address)
})
