import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACL, NOW } from './engine-fixture.ts'
import { holdLeases, leaseKey, leaveLeases, recordEntries } from './leases.ts'
import { memoryLedger } from './memory-ledger.ts'
import type { Ledger } from './ports.ts'

test('leaveLeases() frees no entry whose peer another incident took while it left', async () => {
  const inner = memoryLedger({ now: () => NOW })
  await holdLeases(inner, ACL, ['203.0.113.9'], 'fb-1', undefined)
  await recordEntries(inner, new Map([[ACL, new Map([['203.0.113.9', ['entry-1']]])]]))
  let raced = false
  const ledger: Ledger = {
    ...inner,
    async write(...all) {
      if (!raced) {
        raced = true
        await holdLeases(inner, ACL, ['203.0.113.9'], 'fb-2', await inner.read(leaseKey(ACL)))
      }
      return inner.write(...all)
    },
  }
  assert.deepEqual(await leaveLeases(ledger, ACL, 'fb-1'), [])
  assert.deepEqual(await leaveLeases(ledger, ACL, 'fb-2'), ['entry-1'])
})
