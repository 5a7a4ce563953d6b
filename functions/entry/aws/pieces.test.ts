import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Delivery } from '../../core/delivery.ts'
import { inPieces } from './pieces.ts'

const load = { instance: 'i-1', of: 'gpu', busy: true, alarm: 'a', time: 1 } as const
const rejected = { position: 'line 1', reason: 'Cannot parse it', bytes: new Uint8Array() }

function stage(most: number) {
  const judged: Delivery[] = []
  const pieces = inPieces(
    'test',
    'here',
    async delivery => {
      judged.push(delivery)
      return { flows: delivery.loads.length, rejected: delivery.rejected.length + delivery.moreRejected, findings: 0 }
    },
    most,
  )
  return { judged, pieces }
}

test('inPieces() never holds more than a piece and what one part brings', async () => {
  const { judged, pieces } = stage(10)
  for (let part = 0; part < 8; part++) {
    for (let record = 0; record < 4; record++) pieces.sink.load(load)
    await pieces.relieve()
  }
  assert.deepEqual(await pieces.end(), { flows: 32, rejected: 0, findings: 0 })
  assert.deepEqual(
    judged.map(({ loads }) => loads.length),
    [12, 12, 8],
  )
})

test('inPieces() judges nothing where nothing came', async () => {
  const { judged, pieces } = stage(10)
  await pieces.relieve()
  assert.deepEqual(await pieces.end(), { flows: 0, rejected: 0, findings: 0 })
  assert.deepEqual(judged, [])
})

test('inPieces() keeps a hundred rejected records of an input, and counts the others once', async () => {
  const { judged, pieces } = stage(10)
  for (let record = 0; record < 1000; record++) {
    pieces.sink.reject(rejected)
    await pieces.relieve()
  }
  assert.equal((await pieces.end()).rejected, 1000)
  assert.equal(judged.flatMap(one => one.rejected).length, 100)
  assert.equal(judged.at(-1)?.moreRejected, 900)
})

test('inPieces() goes on after a piece that could not be judged only where it is asked to', async () => {
  const pieces = inPieces('test', 'here', async () => Promise.reject(new Error('no ledger')), 1)
  pieces.sink.load(load)
  await assert.rejects(pieces.relieve(), /no ledger/)
})
