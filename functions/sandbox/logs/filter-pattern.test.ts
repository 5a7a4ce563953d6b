import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePattern } from './filter-pattern.ts'

const flow = '5 111122223333 eni-1 10.0.1.10 203.0.113.9 40000 22 6'
const query = JSON.stringify({ srcids: { instance: 'i-1' }, query_name: 'pool.example.com.' })

for (const [pattern, message, matches] of [
  ['', flow, true],
  ['"eni-1"', flow, true],
  ['"eni-1" "203.0.113.9"', flow, true],
  ['"eni-1" "203.0.113.8"', flow, false],
  ['?"eni-2" ?"eni-1"', flow, true],
  ['?"eni-2" ?"eni-3"', flow, false],
  // Beside other terms a `?` term counts for nothing.
  ['"eni-1" ?"eni-3"', flow, true],
  ['{ $.srcids.instance = "i-1" }', query, true],
  ['{ $.srcids.instance = "i-2" }', query, false],
  ['{ ($.srcids.instance = "i-2") || ($.query_name = "pool.example.com.") }', query, true],
  ['{ $.srcids.instance = "i-1" }', 'no JSON', false],
  ['{ $.srcids.instance = "i-1" }', '{"srcids":"i-1"}', false],
] as const)
  test(`the pattern ${JSON.stringify(pattern)} ${matches ? 'matches' : 'does not match'} ${message.slice(0, 40)}`, () => {
    assert.equal(compilePattern(pattern)(message), matches)
  })

for (const pattern of ['eni-1', '{ $.a = "b"', '{ $.a = b }', '{ $.a > 1 }', '"open', 'x'.repeat(1025)])
  test(`the pattern ${JSON.stringify(pattern.slice(0, 20))} is refused`, () => {
    assert.throws(() => compilePattern(pattern), /Invalid filter pattern/)
  })
