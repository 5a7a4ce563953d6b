import assert from 'node:assert/strict'
import { test } from 'node:test'
import { logSearch } from '../../functions/clouds/aws/log-search.ts'
import { RetryableError } from '../../functions/core/errors.ts'
import { FLOW, START, setCollectStage } from './collect-stage.ts'
import { signal } from './ec2-stage.ts'

const window = { from: START - 3_600_000, to: START }

/** A search over more records than a page holds. */
async function setSearch() {
  const stage = await setCollectStage()
  const records = Array.from({ length: 12_000 }, (_, index) => ({
    timestamp: START - 12_000 + index,
    message: `eni-a1 ${index}`,
  }))
  stage.logs.put({ group: FLOW, stream: 'eni-a1-all', records, at: START })
  const search = logSearch(stage.sandbox.environment, { maxAttempts: 1 })
  return {
    ...stage,
    search,
    async [Symbol.asyncDispose]() {
      search.destroy()
      await stage[Symbol.asyncDispose]()
    },
  }
}

test('a search reads every page, and none twice', async () => {
  await using stage = await setSearch()
  const { records, cutOff } = await stage.search.search(FLOW, ['"eni-a1"', '"eni-a1"'], window, {
    signal: signal(),
    enough: signal(),
  })
  assert.equal(records.length, 12_000)
  assert.equal(new Set(records.map(({ message }) => message)).size, 12_000)
  assert.equal(cutOff, undefined)
})

test('where the time is over the newest records are what it was enough for', async () => {
  await using stage = await setSearch()
  const enough = new AbortController()
  stage.sandbox.intercept(({ action }) => {
    if (action !== 'FilterLogEvents' || stage.sandbox.calls.every(one => one.action !== action)) return undefined
    enough.abort()
    return 'unheard'
  })
  const { records, cutOff } = await stage.search.search(FLOW, ['"eni-a1"'], window, {
    signal: signal(),
    enough: enough.signal,
  })
  assert.equal(records.length, 10_000)
  assert.equal(records[0]?.message, 'eni-a1 11999')
  assert.equal(cutOff, 'for want of time')
})

test('a search that got no answer in its time is to be tried again', async () => {
  await using stage = await setSearch()
  await assert.rejects(
    stage.search.search(FLOW, ['"eni-a1"'], window, { signal: signal(), enough: AbortSignal.abort() }),
    RetryableError,
  )
  await assert.rejects(
    stage.search.search(FLOW, ['"eni-a1"'], window, { signal: AbortSignal.abort(), enough: signal() }),
    { name: 'AbortError' },
  )
})
