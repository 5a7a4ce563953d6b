import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scan } from './scan.ts'

test('a scan of 50,000 peers keeps rows and memory under their bounds and hides no tunnel', async () => {
  const { decision } = await scan(50_000)
  assert.equal(decision, 'isolate')
})
