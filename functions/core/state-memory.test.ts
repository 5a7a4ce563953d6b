import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newState } from './instance-state.ts'
import { stateMemory } from './state-memory.ts'

test('a state is handed over once: who has it changes it', () => {
  const memory = stateMemory(100)
  const [packed, state] = [new Uint8Array(1), newState()]
  memory.keep(packed, state, 10)
  assert.equal(memory.take(packed), state)
  assert.equal(memory.take(packed), undefined)
})

test('a state stands for its own bytes, not for others alike', () => {
  const memory = stateMemory(100)
  memory.keep(new Uint8Array([1]), newState(), 10)
  assert.equal(memory.take(new Uint8Array([1])), undefined)
})

test('past the bound the oldest leave, and one that is larger than all of it is not kept', () => {
  const memory = stateMemory(100)
  const [a, b, c] = [new Uint8Array(1), new Uint8Array(1), new Uint8Array(1)]
  memory.keep(a, newState(), 60)
  memory.keep(b, newState(), 60)
  assert.equal(memory.take(a), undefined)
  memory.keep(c, newState(), 101)
  assert.equal(memory.take(b), undefined)
  assert.equal(memory.take(c), undefined)
  memory.keep(a, newState(), 100)
  assert.ok(memory.take(a))
})
