import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLedger } from './memory-ledger.ts'
import type { Ledger } from './ports.ts'
import { type Edited, rowCache } from './row-cache.ts'

const key = { partition: 'p', sort: 's' }
const plus =
  (amount: number) =>
  (value: unknown): Edited<number> => ({ value: Number(value ?? 0) + amount, result: Number(value ?? 0) + amount })

function counting() {
  const ledger = memoryLedger({ now: () => 0 })
  const calls = { reads: 0, writes: 0 }
  const counted: Ledger = {
    ...ledger,
    read: (...all) => {
      calls.reads++
      return ledger.read(...all)
    },
    write: (...all) => {
      calls.writes++
      return ledger.write(...all)
    },
  }
  return { ledger, counted, calls }
}

test('edits that come while a write is under way share the next one, in their order', async () => {
  const { ledger, counted, calls } = counting()
  const rows = rowCache(counted, 10, undefined)
  const results = await Promise.all(Array.from({ length: 20 }, () => rows.change(key, plus(1))))
  assert.deepEqual(
    results,
    Array.from({ length: 20 }, (_, at) => at + 1),
  )
  assert.equal((await ledger.read(key))?.value, 20)
  assert.deepEqual(calls, { reads: 1, writes: 2 })
})

test('an edit that throws fails alone', async () => {
  const { ledger, counted } = counting()
  const rows = rowCache(counted, 10, undefined)
  const settled = await Promise.allSettled([
    rows.change(key, plus(1)),
    rows.change(key, () => {
      throw new Error('its own fault')
    }),
    rows.change(key, plus(2)),
  ])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  assert.equal((await ledger.read(key))?.value, 3)
})

test('a write that the ledger refuses to carry out fails every edit in it, and the next edit begins anew', async () => {
  const { ledger } = counting()
  let broken = true
  const rows = rowCache(
    { ...ledger, write: (...all) => (broken ? Promise.reject(new Error('down')) : ledger.write(...all)) },
    10,
    undefined,
  )
  const settled = await Promise.allSettled([rows.change(key, plus(1)), rows.change(key, plus(2))])
  assert.deepEqual(
    settled.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
  broken = false
  assert.equal(await rows.change(key, plus(5)), 5)
})

test('after a lost race all edits of the turn are applied to what stands there', async () => {
  const { ledger, counted } = counting()
  const [ours, theirs] = [rowCache(counted, 10, undefined), rowCache(ledger, 10, undefined)]
  await ours.change(key, plus(1))
  await theirs.change(key, plus(10))
  assert.deepEqual(await Promise.all([ours.change(key, plus(1)), ours.change(key, plus(1))]), [12, 13])
})
