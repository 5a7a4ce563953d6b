import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACL, engineOf, findingOf } from './engine-fixture.ts'
import { PartialFailure } from './errors.ts'
import { readJournal } from './journal.ts'
import { Leases, leaseKey } from './leases.ts'
import { respond } from './respond.ts'

test('a step that fails half way leaves what it made in its record, in the journal and with the lease', async () => {
  const entry = `${ACL}/egress/7/203.0.113.9/32`
  const engine = await engineOf({
    before(step) {
      if (step !== 'deny-peers') return
      throw new PartialFailure('Cannot deny peers: the ingress rule failed', {
        done: ['Denied 203.0.113.9, egress rule 7'],
        facts: { entries: [entry] },
      })
    },
  })
  const incident = await respond(
    engine.ports,
    engine.settings,
    { kind: 'finding', finding: findingOf() },
    engine.invocation('one'),
  )
  const record = incident?.steps['deny-peers']
  assert.equal(record?.status, 'failed')
  assert.match(record?.reason ?? '', /the ingress rule failed/)
  assert.deepEqual(record?.facts['entries'], [entry])
  const { leases } = Leases.parse((await engine.ledger.read(leaseKey(ACL)))?.value)
  assert.deepEqual(leases[0]?.entries, [entry])
  const texts = (await readJournal(engine.ledger, incident?.id ?? '')).flatMap(({ lines }) =>
    lines.map(one => one.text),
  )
  assert.ok(texts.includes('Denied 203.0.113.9, egress rule 7'))
})
