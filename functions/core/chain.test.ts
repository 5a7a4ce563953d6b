import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from './chain.ts'
import { emptyJournal, type JournalEntry, linkEntry } from './journal.ts'

function chain(length: number): JournalEntry[] {
  const entries: JournalEntry[] = []
  for (let at = 1; at <= length; at++)
    entries.push(linkEntry(entries.at(-1) ?? emptyJournal, 'one', at, [{ at, kind: 'note', text: `line ${at}` }]))
  return entries
}

const entries = chain(4)
const [first, second, third, fourth] = entries
assert.ok(first && second && third && fourth)
const head = { sequence: 4, hash: fourth.hash }
const found = (...given: Parameters<typeof faultsOf>) => faultsOf(...given).map(({ text }) => text)

test('faultsOf() finds nothing in a whole chain, nor in one that goes on behind what the incident knows of', () => {
  assert.deepEqual(faultsOf(head, entries), [])
  assert.deepEqual(faultsOf({ sequence: 3, hash: third.hash }, entries), [])
  assert.deepEqual(faultsOf(emptyJournal, []), [])
})

test('faultsOf() names each entry that was changed, and none that was not', () => {
  const changed = { ...second, lines: [{ at: 2, kind: 'note' as const, text: 'nothing happened' }] }
  const renamed = { ...fourth, by: 'somebody else' }
  const faults = faultsOf(head, [first, changed, third, renamed])
  assert.deepEqual(
    faults.map(({ sequence }) => sequence),
    [2, 4],
  )
  assert.match(faults[0]?.text ?? '', /^entry 2 was changed: it bears the hash [0-9a-f]{64} and its content has/)
})

test('faultsOf() names an entry that was replaced by one that fits itself', () => {
  const other = linkEntry(first, 'one', 2, [{ at: 2, kind: 'note', text: 'another' }])
  assert.deepEqual(found(head, [first, other, third, fourth]), ['entry 3 does not follow from entry 2'])
})

test('faultsOf() names what is missing: in the middle, at the beginning, at the end, all of it', () => {
  assert.deepEqual(found(head, [first, third, fourth]), ['entry 2 is missing'])
  assert.deepEqual(found(head, [second, third, fourth]), ['entry 1 is missing'])
  assert.deepEqual(found(head, [first, second]), ['the journal ends at entry 2, and the incident knows of 4'])
  assert.deepEqual(found(head, []), ['the journal ends at entry 0, and the incident knows of 4'])
})

test('faultsOf() names a chain that was made anew, by the head that the incident knows of', () => {
  const anew = chain(3)
  anew.push(linkEntry(third, 'one', 4, [{ at: 4, kind: 'note', text: 'another end' }]))
  assert.deepEqual(found(head, anew), ['entry 4 is not the one that the incident knows of'])
})

test('faultsOf() names a row that is no entry any more, once', () => {
  const faults = found(head, [first, third, fourth], [{ sequence: 2, reason: 'no hash' }])
  assert.deepEqual(faults, ['entry 2 is no entry any more: no hash'])
})
