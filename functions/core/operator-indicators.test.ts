import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { InputError } from './errors.ts'
import { ageInDays, MAX_INDICATORS, parseIndicator, parseIndicatorList } from './operator-indicators.ts'

test('parseIndicator() reads a kind, a value and a comment', () => {
  assert.deepEqual(parseIndicator('pool Stratum.Example.COM # seen 2026-11-19'), {
    kind: 'pool',
    value: 'stratum.example.com',
  })
  assert.deepEqual(parseIndicator('tunnel-range\t198.51.100.0/24#x'), {
    kind: 'tunnel-range',
    value: '198.51.100.0/24',
  })
  assert.deepEqual(parseIndicator('pool-range 2001:db8::7'), { kind: 'pool-range', value: '2001:db8::7' })
})

for (const [line, message] of [
  ['', /is not "kind value"/],
  ['pool', /is not "kind value"/],
  ['pool a.example b.example', /is not "kind value"/],
  ['miner a.example', /the kind is "miner"; there are tunnel-ingress, .*pool-range/],
  ['pool com', /"com" is no name of two labels/],
  ['pool *.example.com', /is no name/],
  ['pool-range example.com', /neither an address nor a range/],
  ['tunnel-range 0.0.0.0/0', /wider than \/16/],
  ['tunnel-range 2001::/16', /wider than \/32/],
  [`pool ${'a.'.repeat(400)}example`, /more than 512/],
] as const)
  test(`parseIndicator() refuses ${JSON.stringify(line.slice(0, 40))}`, () => {
    assert.throws(() => parseIndicator(line), { name: 'InputError', message })
  })

test('parseIndicatorList() passes over comments and empty lines, in any line ends', () => {
  const list = parseIndicatorList('# date: 2026-11-20\r\n\r\n# pools\r\npool a.example.net # x\r\n')
  assert.deepEqual(list, { date: '2026-11-20', entries: ['pool a.example.net # x'] })
})

test('parseIndicatorList() names the line of a mistake', () => {
  const refused = (text: string, message: RegExp) =>
    assert.throws(() => parseIndicatorList(text), { name: 'InputError', message })
  refused('pool a.example.net', /line 1 is "pool a.example.net" instead of "# date: YYYY-MM-DD"/)
  refused('# date: 2026-13-45\n', /line 1 /)
  refused('# date: 2026-11-20\npool a.example.net\n\npools b.example.net', /line 4: .*the kind is "pools"/)
  refused(`# date: 2026-11-20\n${'pool a.example\n'.repeat(MAX_INDICATORS + 1)}`, /more than 10000/)
  refused('x'.repeat(2_000_000), /more than 1048576/)
})

test('parseIndicatorList() throws nothing but InputError', () => {
  const line = fc.oneof(fc.string(), fc.constantFrom('pool a.example', '# x', 'tunnel-range 192.0.2.1'))
  fc.assert(
    fc.property(fc.array(line), lines => {
      try {
        parseIndicatorList(['# date: 2026-11-20', ...lines].join('\n'))
      } catch (thrown) {
        assert.ok(thrown instanceof InputError)
      }
    }),
  )
})

test('ageInDays() counts whole days since the date', () => {
  assert.equal(ageInDays('2026-11-20', Date.parse('2026-11-24T23:59:59Z')), 4)
})
