import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NameSeen } from './flow.ts'
import { groupSound } from './grouping.ts'
import { recordCoverage } from './log-coverage.ts'
import { memoryLedger } from './memory-ledger.ts'
import { nameUsedByOthers } from './name-uses.ts'
import { recordUses } from './neighbours.ts'
import { rowCache } from './row-cache.ts'

const now = Date.parse('2026-03-05T10:00:00Z')
const MINUTE = 60_000
const unknown = { known: false, reason: 'unknown' } as const
/** Nobody is in the inventory: whoever asks is told by what the log says of him. */
const attribution = {
  byInstance: () => unknown,
  byAddress: () => unknown,
  byInterface: () => unknown,
  aclOf: () => undefined,
}

function seen(name: string, over: Partial<NameSeen> = {}): NameSeen {
  const rest = { via: 'dns', addresses: [], client: '10.0.0.9', clientPort: undefined, peerPort: undefined } as const
  return { ...rest, name, instance: 'i-own', vpc: 'vpc-1', firewall: undefined, time: now / 1000 - 60, ...over }
}

/** A ledger that has heard these queries, over a log that was there for so many hours. */
async function heard(names: readonly NameSeen[], hours = 25) {
  const ledger = memoryLedger({ now: () => now })
  const rows = rowCache(ledger, 100, undefined)
  for (let at = now - hours * 60 * MINUTE; at < now; at += 10 * MINUTE) {
    const filler = seen('filler.example', { instance: 'i-other', time: at / 1000 })
    await put(at === now - hours * 60 * MINUTE ? [...names, filler] : [filler])
  }
  async function put(all: readonly NameSeen[]) {
    const sound = { flows: [], coverage: [], names: [...all], alerts: [], loads: [], toolCalls: [], unsound: [] }
    const { nameUses, covered } = groupSound(sound, attribution, { firewalls: {}, exemptInstances: [] }, now)
    await recordUses(rows, nameUses)
    await recordCoverage(rows, covered)
  }
  return (name: string, vpc = 'vpc-1') => nameUsedByOthers(ledger, { vpc, name, instance: 'i-own', now })
}

test("a name is unused where a day of the network's queries was heard and nobody else asked for anything beside it", async () => {
  const ask = await heard([seen('a.t.example.com'), seen('b.t.example.com')])
  assert.equal(await ask('t.example.com'), 'unused')
})

test('a neighbour that asked for a name beside it counts as its user, out of scope or not', async () => {
  for (const neighbour of [{ instance: 'i-neighbour' }, { instance: undefined, client: '10.0.0.77' }]) {
    const ask = await heard([seen('a.t.example.com'), seen('www.example.com', neighbour)])
    assert.equal(await ask('t.example.com'), 'used')
  }
})

test('what another network asks for does not count', async () => {
  const ask = await heard([seen('www.example.com', { instance: 'i-neighbour', vpc: 'vpc-2' })])
  assert.equal(await ask('t.example.com'), 'unused')
})

test('less than a day of queries, or none of that network, says nothing', async () => {
  const short = await heard([seen('a.t.example.com')], 23)
  assert.equal(await short('t.example.com'), 'unknown')
  assert.equal(await short('t.example.com', 'vpc-2'), 'unknown')
})

test('a name in a handshake is no query of the resolver', async () => {
  const ask = await heard([seen('www.example.com', { via: 'tls', instance: 'i-neighbour' })])
  assert.equal(await ask('t.example.com'), 'unused')
})
