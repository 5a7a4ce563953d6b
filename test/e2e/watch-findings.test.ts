import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import * as z from 'zod'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { queued } from '../wire/watch-envelope-events.ts'
import { INSTANCE, OTHER, sample, stageWatch } from '../wire/watch-stage.ts'

const stage = await stageWatch({})
after(() => stage.close())
beforeEach(() => stage.forget(INSTANCE, OTHER))

const Event = z.looseObject({ detail: z.looseObject({ findings: z.array(z.looseObject({})).optional() }) })
const eventOf = (name: string) => Event.parse(sample(`${name}.event.json`))

const incidents = () => Promise.all([INSTANCE, OTHER].map(instance => loadIncident(stage.ledger, instance)))

test('a sample finding of GuardDuty leads to nothing: no order, no incident, no cut', async () => {
  assert.partialDeepStrictEqual(await stage.watch(eventOf('aws-guardduty/sample')), { kind: 'judged', findings: 0 })
  assert.deepEqual(await stage.watch(queued(eventOf('aws-guardduty/sample'))), { batchItemFailures: [] })
  const hub = eventOf('aws-security-hub/mining')
  for (const finding of hub.detail.findings ?? []) finding['Sample'] = true
  assert.partialDeepStrictEqual(await stage.watch(hub), { kind: 'judged', findings: 0 })
  assert.equal(await stage.orders(), 0)
  assert.deepEqual(await incidents(), [undefined, undefined])
})

test('a finding that names several instances opens an incident for each', async () => {
  const event = eventOf('aws-guardduty/attack-sequence')
  const mining = { ...event, detail: { ...event.detail, type: 'CryptoCurrency:Runtime/BitcoinTool.B' } }
  assert.partialDeepStrictEqual(await stage.watch(mining), { kind: 'judged', findings: 2 })
  assert.deepEqual(await stage.respond(), { handled: 2, failed: 0 })
  const opened = await incidents()
  assert.deepEqual(
    opened.map(held => held?.incident.instance),
    [INSTANCE, OTHER],
  )
  // The provider's word alone is no proof that we opened the connection: it alerts, and cuts nobody.
  for (const held of opened) assert.deepEqual(held?.incident.restorePoint, undefined)
})

test('a finding that comes again, by whatever way, is the same incident', async () => {
  await stage.respond()
  const before = (await incidents()).map(held => held?.incident.id)
  const event = eventOf('aws-guardduty/mining')
  await stage.watch(event)
  await stage.watch(queued(event, event))
  await stage.respond()
  assert.deepEqual(
    (await incidents()).map(held => held?.incident.id),
    before,
  )
  assert.deepEqual(await stage.letters(), [])
})
