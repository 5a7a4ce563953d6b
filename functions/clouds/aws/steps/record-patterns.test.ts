import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { patternsOf, windowOf } from './record-patterns.ts'

const SOURCES = ['aws-vpc-flow', 'aws-resolver', 'aws-network-firewall', 'agent-trace', 'a-source-of-tomorrow']

function subject(interfaces: readonly { readonly id: string; readonly addresses: readonly string[] }[]) {
  const more = { primary: false, subnet: 'subnet-1', groups: [], publicAddresses: [] }
  return {
    instance: 'i-0123456789abcdef0',
    interfaces: interfaces.map(({ id, addresses }) => ({ id, addresses: [...addresses], ...more })),
  }
}

test('each source is searched by what its records name an instance by', () => {
  const two = subject([
    { id: 'eni-1', addresses: ['10.0.1.10', '2001:db8::a'] },
    { id: 'eni-2', addresses: ['10.0.2.11'] },
  ])
  assert.deepEqual(patternsOf('aws-vpc-flow', two), ['?"eni-1" ?"eni-2"'])
  assert.deepEqual(patternsOf('aws-resolver', two), ['{ $.srcids.instance = "i-0123456789abcdef0" }'])
  assert.deepEqual(patternsOf('agent-trace', two), ['"i-0123456789abcdef0"'])
  assert.deepEqual(patternsOf('a-source-of-tomorrow', two), [
    '?"i-0123456789abcdef0" ?"10.0.1.10" ?"2001:db8::a" ?"10.0.2.11"',
  ])
  const [firewall = ''] = patternsOf('aws-network-firewall', two)
  assert.match(
    firewall,
    /^\{ \(\$\.event\.src_ip = "10\.0\.1\.10"\) \|\| \(\$\.event\.dest_ip = "10\.0\.1\.10"\) \|\| /,
  )
})

test('no pattern is longer than CloudWatch Logs takes, every interface is in one, and nothing breaks out of its quotes', () => {
  const one = fc.record({
    id: fc.oneof(fc.stringMatching(/^eni-[0-9a-f]{17}$/), fc.string({ maxLength: 40 })),
    addresses: fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.string({ maxLength: 40 })), { maxLength: 30 }),
  })
  fc.assert(
    fc.property(fc.array(one, { maxLength: 80 }), fc.constantFrom(...SOURCES), (interfaces, source) => {
      const patterns = patternsOf(source, subject(interfaces))
      for (const pattern of patterns) {
        assert.ok(pattern.length <= 1024, pattern)
        assert.match(pattern, /^(?:[ ?{}()|]|\$\.[\w.]+ =|"[\w.:-]+")+$/)
      }
      if (source !== 'aws-vpc-flow') return
      for (const { id } of interfaces)
        if (/^eni-[0-9a-f]{17}$/.test(id)) assert.ok(patterns.some(pattern => pattern.includes(`"${id}"`)))
    }),
    { numRuns: 300 },
  )
})

test('the window begins 15 minutes before the first signal, ends an hour after the last one or now, and lasts six hours at most', () => {
  const now = Date.UTC(2026, 0, 2, 12)
  const minutes = (at: number) => Math.round((at - now) / 60_000)
  const found = (first: number, last: number, at = now) => {
    const signal = { rule: 'mining-pool', family: 'identity', points: 100, detail: '' } as const
    const { from, to } = windowOf(
      [{ signals: [{ ...signal, first: now / 1000 + first * 60, last: now / 1000 + last * 60 }] }],
      at,
    )
    return [minutes(from), minutes(to)]
  }
  assert.deepEqual(found(-10, -1), [-25, 0])
  assert.deepEqual(found(-10, -1, now + 24 * 3_600_000), [-25, 59])
  assert.deepEqual(found(-3 * 24 * 60, -1), [-360, 0])
  // A record that is yet to come moves nothing past now.
  assert.deepEqual(found(10, 20), [-15, 0])
  assert.deepEqual(
    [windowOf([], now)].map(({ from, to }) => [minutes(from), minutes(to)]),
    [[-15, 0]],
  )
})
