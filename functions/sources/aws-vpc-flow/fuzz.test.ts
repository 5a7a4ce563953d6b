import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { canonicalAddress } from '../../core/address.ts'
import { ConfigurationError } from '../../core/errors.ts'
import { ACCOUNT, batchOf, collecting, INTERFACE } from '../envelopes/sink-fixture.ts'
import { DEFAULT_FORMAT } from './fields.ts'
import { awsVpcFlow } from './index.ts'

const T = 1_795_000_000
const line = `2 ${ACCOUNT} ${INTERFACE} 10.0.1.20 2001:db8::10 49152 22 6 18 4410 ${T} ${T + 59} ACCEPT OK`

/** Real lines with pieces cut out and put in: what is nearly right finds more than noise. */
const mutated = fc
  .array(
    fc.tuple(
      fc.nat(line.length),
      fc.constantFrom('', ' ', '-', '0', '.', ':', '\n', '\r', 'é', '9'.repeat(20), '\0'),
      fc.nat(3),
    ),
    {
      maxLength: 4,
    },
  )
  .map(edits => edits.reduce((text, [at, piece, drop]) => text.slice(0, at) + piece + text.slice(at + drop), line))
const anything = fc.oneof({ weight: 4, arbitrary: mutated }, fc.string({ unit: 'binary', maxLength: 200 }))

const open = awsVpcFlow.open({})

test('decode accounts for every message, as a flow, coverage or a reason, and never throws', () => {
  fc.assert(
    fc.property(fc.array(anything, { maxLength: 20 }), messages => {
      const seen = collecting()
      open(batchOf(messages), seen.sink)
      assert.equal(seen.flows.length + seen.coverage.length + seen.rejected.length, messages.length)
      for (const { reason } of seen.rejected) assert.ok(reason.startsWith('Cannot parse flow record: '))
      for (const flow of seen.flows) {
        assert.equal(flow.interface, INTERFACE)
        assert.equal(flow.account, ACCOUNT)
        assert.equal(canonicalAddress(flow.source), flow.source)
        assert.equal(canonicalAddress(flow.destination), flow.destination)
        assert.ok(flow.start <= flow.end && Number.isSafeInteger(flow.bytes) && flow.sourcePort <= 65_535)
      }
    }),
    { numRuns: 3000 },
  )
})

test('lines() gives the same for bytes cut anywhere', () => {
  const bytes = fc.oneof(
    fc
      .array(fc.oneof(anything, fc.constant(DEFAULT_FORMAT)), { maxLength: 8 })
      .map(lines => Buffer.from(lines.join('\n'))),
    fc.uint8Array({ maxLength: 400 }),
  )
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(400), { maxLength: 5 }), (input, cuts) => {
      const whole = collecting()
      const one = awsVpcFlow.lines({}, whole.sink)
      one.push(input)
      one.end()
      const parts = collecting()
      const many = awsVpcFlow.lines({}, parts.sink)
      let from = 0
      for (const cut of cuts.toSorted((a, b) => a - b)) {
        many.push(input.subarray(from, cut))
        from = Math.max(from, Math.min(cut, input.length))
      }
      many.push(input.subarray(from))
      many.end()
      assert.deepEqual(parts, { ...whole, sink: parts.sink, counts: parts.counts })
    }),
    { numRuns: 3000 },
  )
})

test('a record is decoded in any order of fields to the same flow', () => {
  const fields = `${DEFAULT_FORMAT} tcp-flags flow-direction pkt-srcaddr pkt-dstaddr`.split(' ')
  const words = `${line} 2 egress 10.0.9.9 203.0.113.9`.split(' ')
  const plain = collecting()
  awsVpcFlow.open({ fields: fields.join(' ') })(batchOf([words.join(' ')]), plain.sink)
  assert.equal(plain.flows.length, 1)
  const order = fc.shuffledSubarray([...fields.keys()], { minLength: fields.length })
  fc.assert(
    fc.property(order, indexes => {
      const seen = collecting()
      const at = (list: readonly string[]) => indexes.map(index => list[index]).join(' ')
      awsVpcFlow.open({ fields: at(fields) })(batchOf([at(words)]), seen.sink)
      assert.deepEqual(seen.flows, plain.flows)
    }),
    { numRuns: 300 },
  )
})

test('open() throws nothing but ConfigurationError', () => {
  const word = fc.oneof(
    fc.constantFrom(...DEFAULT_FORMAT.split(' '), `\${srcaddr}`, 'tgw_id'),
    fc.string({ maxLength: 6 }),
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 40 }), words => {
      try {
        awsVpcFlow.open({ fields: words.join(' ') })
      } catch (thrown) {
        assert.ok(thrown instanceof ConfigurationError)
      }
    }),
    { numRuns: 1000 },
  )
})
