import assert from 'node:assert/strict'
import { it } from 'node:test'
import { createClock } from './clock.ts'

it('createClock() moves only when told to, and never back', () => {
  const clock = createClock(1000)
  clock.advance(500)
  assert.equal(clock.now(), 1500)
  clock.set(4000)
  assert.equal(clock.now(), 4000)
  assert.throws(() => clock.set(3999), RangeError)
  assert.throws(() => clock.advance(-1), RangeError)
  assert.throws(() => clock.set(Number.NaN), RangeError)
  assert.equal(clock.now(), 4000)
})
