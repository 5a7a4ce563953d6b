import assert from 'node:assert/strict'
import { test } from 'node:test'
import { memoryLedger } from './memory-ledger.ts'
import { prevalence, recordInstanceUses } from './prevalence.ts'
import { rowCache } from './row-cache.ts'

const now = Date.parse('2026-03-05T10:00:00Z')
const ledgerOf = () => memoryLedger({ now: () => now })

test('instances() counts who used a peer, in this day and the one before', async () => {
  const ledger = ledgerOf()
  const rows = rowCache(ledger, 100, undefined)
  const uses = (peer: string, count: number, at: number) =>
    recordInstanceUses(
      rows,
      Array.from({ length: count }, (_, i) => ({ instance: `i-${i}`, peer, at })),
    )
  await uses('203.0.113.1', 1, now)
  await uses('203.0.113.2', 10, now - 86_400_000)
  await uses('203.0.113.3', 10, now - 3 * 86_400_000)
  await uses('203.0.113.4', 2000, now)
  const common = prevalence(ledger)
  assert.equal(common.instances('203.0.113.1', now), undefined)
  const peers = [1, 2, 3, 4].map(at => `203.0.113.${at}`)
  await common.load(peers, now)
  const [one, ten, none, many] = peers.map(peer => common.instances(peer, now))
  assert.equal(one, 1)
  assert.ok(ten !== undefined && Math.abs(ten - 10) <= 2)
  assert.equal(none, 0)
  assert.equal(many, Number.POSITIVE_INFINITY)
})

test('load() reads a shard again only after some minutes', async () => {
  const ledger = ledgerOf()
  let reads = 0
  const common = prevalence({
    ...ledger,
    read: key => {
      reads++
      return ledger.read(key)
    },
  })
  await common.load(['203.0.113.1'], now)
  await common.load(['203.0.113.1'], now + 60_000)
  assert.equal(reads, 2)
  assert.equal(common.instances('203.0.113.1', now + 600_000), undefined)
  await common.load(['203.0.113.1'], now + 600_000)
  assert.equal(reads, 4)
})
