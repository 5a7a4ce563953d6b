import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingOf } from '../../functions/core/engine-fixture.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { createRespond } from '../../functions/entry/aws/respond.ts'
import { invocationOf } from '../../functions/sandbox/lambda.ts'
import { INSTANCE, stageWatch } from './watch-stage.ts'

const WATCH = 'AROAEXAMPLE0EXAMPLE00'

test('respond keeps a finding that watch did not send as a dead letter, and takes the same one from watch', async t => {
  const stage = await stageWatch({ findingsFrom: WATCH })
  t.after(() => stage.close())
  const respond = createRespond(stage.environment, { clock: stage.clock })
  const body = JSON.stringify({ kind: 'finding', finding: findingOf({ instance: INSTANCE }) })
  const from = (SenderId: string) =>
    respond(
      { Records: [{ messageId: 'one', body, attributes: { SenderId } }] },
      invocationOf('firebreak-respond', 60_000),
    )
  assert.deepEqual(await from('AROAEXAMPLE0EXAMPLE99:firebreak-watch'), { batchItemFailures: [] })
  assert.equal(await loadIncident(stage.ledger, INSTANCE), undefined)
  assert.deepEqual(
    (await stage.letters()).map(({ reason }) => reason),
    ['Cannot take finding: its sender is "AROAEXAMPLE0EXAMPLE99:firebreak-watch" and not watch'],
  )
  assert.deepEqual(await from(`${WATCH}:firebreak-watch`), { batchItemFailures: [] })
  assert.ok(await loadIncident(stage.ledger, INSTANCE))
  assert.deepEqual(await stage.letters(), [])
})
