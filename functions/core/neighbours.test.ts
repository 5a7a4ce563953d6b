import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { inventoryKeys } from './inventory.ts'
import { recordCoverage } from './log-coverage.ts'
import { memoryLedger } from './memory-ledger.ts'
import { NEIGHBOUR_PERIOD, ownerOf, recordUses, UNKNOWN_ACL, usedByOthers } from './neighbours.ts'
import type { Ledger } from './ports.ts'
import { rowCache } from './row-cache.ts'

const MINUTE = 60_000
const now = Date.parse('2026-03-05T10:00:00Z')
const clock = { now: () => now }
const acl = 'acl-1'
const own = ['eni-own-2', 'eni-own-1']
const behind = [...own, 'eni-a', 'eni-b']

function stage() {
  const ledger = memoryLedger(clock)
  return { ledger, rows: rowCache(ledger, 100, undefined) }
}

async function covered(ledger: Ledger, interfaces = behind, from = now - 25 * 3_600_000, until = now) {
  await ledger.write(inventoryKeys.acl(acl), { acl, interfaces: behind }, 'any')
  const rows = rowCache(ledger, 100, undefined)
  for (let start = from; start < until; start += 10 * MINUTE)
    await recordCoverage(
      rows,
      interfaces.map(id => ({ acl, interface: id, start, end: start + 10 * MINUTE, skipped: false })),
    )
}

const peer = '203.0.113.9'
const ask = (ledger: Ledger, over = {}) => usedByOthers(ledger, { acl, peer, interfaces: own, now, ...over })
const use = (owner: string, at = now - MINUTE, of = peer) => ({ acl, owner, peer: of, at })

test('usedByOthers() says unused only where every neighbour was covered for a day and none used the peer', async () => {
  const { ledger, rows } = stage()
  await covered(ledger)
  assert.equal(await ask(ledger), 'unused')
  await recordUses(rows, [use(ownerOf(own))])
  assert.equal(await ask(ledger), 'unused')
  await recordUses(rows, [use('eni-a', now - 20 * 3_600_000)])
  assert.equal(await ask(ledger), 'used')
})

test('usedByOthers() forgets what is older than two periods', async () => {
  const { ledger, rows } = stage()
  await covered(ledger)
  await recordUses(rows, [use('eni-a', now - 2 * NEIGHBOUR_PERIOD)])
  assert.equal(await ask(ledger), 'unused')
})

test('usedByOthers() counts the use of an interface that the inventory does not know yet', async () => {
  const { ledger, rows } = stage()
  await covered(ledger)
  await recordUses(rows, [{ ...use('eni-new'), acl: UNKNOWN_ACL }])
  assert.equal(await ask(ledger), 'used')
})

test('usedByOthers() does not know without the ACL’s row, or where one neighbour is not covered', async () => {
  const { ledger } = stage()
  assert.equal(await ask(ledger), 'unknown')
  await covered(ledger, [...own, 'eni-a'])
  assert.equal(await ask(ledger), 'unknown')
  await covered(ledger, ['eni-b'], now - 23 * 3_600_000)
  assert.equal(await ask(ledger), 'unknown')
  assert.equal(await ask(ledger, { period: 20 * 3_600_000 }), 'unused')
})

test('usedByOthers() does not know after a gap, a loss of records or a log that stopped', async () => {
  for (const stop of ['gap', 'loss', 'end'] as const) {
    const { ledger } = stage()
    const rows = rowCache(ledger, 100, undefined)
    await covered(ledger, [...own, 'eni-a'])
    if (stop === 'loss') {
      await covered(ledger)
      const at = now - 60 * MINUTE
      await recordCoverage(rows, [{ acl, interface: 'eni-b', start: at, end: at + MINUTE, skipped: true }])
    } else {
      await covered(ledger, ['eni-b'], now - 25 * 3_600_000, now - 60 * MINUTE)
      if (stop === 'gap') await covered(ledger, ['eni-b'], now - 40 * MINUTE)
    }
    assert.equal(await ask(ledger), 'unknown', stop)
  }
})

test('usedByOthers() makes all its reads at once', async () => {
  const { ledger } = stage()
  let open = 0
  let deepest = 0
  let calls = 0
  const waits: (() => void)[] = []
  const slow: Ledger = {
    ...ledger,
    async read(key) {
      calls++
      deepest = Math.max(deepest, ++open)
      await new Promise<void>(resolve => waits.push(resolve))
      open--
      return ledger.read(key)
    },
  }
  const asked = ask(slow)
  await new Promise<void>(resolve => setImmediate(resolve))
  for (const go of waits) go()
  await asked
  assert.equal(deepest, calls)
})

test('a use is never forgotten within the period: no false “unused”', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat({ max: 3000 }), fc.constantFrom('eni-a', 'eni-b', ownerOf(own))), { maxLength: 200 }),
      async pairs => {
        const { ledger, rows } = stage()
        const address = (at: number) => `198.51.${at >> 8}.${at & 255}`
        await recordUses(
          rows,
          pairs.map(([at, owner], order) => use(owner, now - (order % 20) * 3_600_000, address(at))),
        )
        for (const [at, owner] of pairs)
          if (owner !== ownerOf(own)) assert.equal(await ask(ledger, { peer: address(at) }), 'used')
      },
    ),
    { numRuns: 20 },
  )
})

test('a sketch that cannot be read calls every peer used, and coverage that cannot be read covers nobody', async () => {
  const { ledger, rows } = stage()
  await covered(ledger)
  const generation = Math.floor(now / NEIGHBOUR_PERIOD)
  await Promise.all(
    Array.from({ length: 16 }, (_, shard) => {
      const sort = `peers/${generation}/${String(shard).padStart(2, '0')}`
      return ledger.write({ partition: `acl/${acl}`, sort }, { cells: new Uint8Array([1, 2]) }, 'any')
    }),
  )
  assert.equal(await ask(ledger), 'used')
  await recordUses(rows, [use(ownerOf(own), now)])
  assert.equal(await ask(ledger), 'used')
  const other = stage()
  await covered(other.ledger)
  for (const shard of [0, 1, 2, 3])
    await other.ledger.write({ partition: `acl/${acl}`, sort: `coverage/${shard}` }, { spans: 'none' }, 'any')
  assert.equal(await ask(other.ledger), 'unknown')
})

test('recordUses() writes nothing for what is known', async () => {
  const { ledger } = stage()
  let calls = 0
  const counting: Ledger = {
    ...ledger,
    write: (...all) => {
      calls++
      return ledger.write(...all)
    },
  }
  const rows = rowCache(counting, 100, undefined)
  await recordUses(rows, [use('eni-a'), use('eni-b')])
  const first = calls
  await recordUses(rows, [use('eni-a', now), use('eni-c')])
  assert.deepEqual([first, calls], [1, 1])
})

test('recordUses() loses nothing where functions race', async () => {
  const { ledger } = stage()
  await covered(ledger)
  const owners = Array.from({ length: 12 }, (_, at) => at)
  await Promise.all(owners.map(at => recordUses(rowCache(ledger, 10, undefined), [use('eni-a', now, `192.0.2.${at}`)])))
  for (const at of owners) assert.equal(await ask(ledger, { peer: `192.0.2.${at}` }), 'used')
})

test('recordCoverage() writes once in some minutes', async () => {
  const { ledger } = stage()
  let writes = 0
  const counting: Ledger = {
    ...ledger,
    write: (...all) => {
      writes++
      return ledger.write(...all)
    },
  }
  const rows = rowCache(counting, 100, undefined)
  for (let at = 0; at < 60; at++) {
    const start = now + at * MINUTE
    await recordCoverage(rows, [{ acl, interface: 'eni-a', start, end: start + MINUTE, skipped: false }])
  }
  assert.ok(writes <= 13, `${writes} writes`)
})
