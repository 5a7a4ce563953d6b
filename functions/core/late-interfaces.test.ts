import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineOf, findingOf, INSTANCE, NOW, VPC } from './engine-fixture.ts'
import { loadIncident } from './incident-store.ts'
import { takeIn } from './late-interfaces.ts'
import { respond } from './respond.ts'

async function cutIncident() {
  const engine = await engineOf()
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const live = await engine.ports.instances.describe(INSTANCE, VPC, AbortSignal.timeout(5000))
  const held = await loadIncident(engine.ledger, INSTANCE)
  const [first] = live?.interfaces ?? []
  const [acl] = live?.acls ?? []
  assert.ok(held && live && first && acl)
  return { incident: held.incident, live, first, acl }
}

test('takeIn() changes nothing where nothing came', async () => {
  const { incident, live } = await cutIncident()
  assert.equal(takeIn(incident, live, NOW), incident)
  assert.equal(takeIn(incident, undefined, NOW), incident)
  const { restorePoint: _none, ...unarmed } = incident
  assert.equal(takeIn(unarmed, live, NOW), unarmed)
})

test('takeIn() never takes an ACL for an original that a step has put there, or of which something is decided', async () => {
  const { incident, live, acl } = await cutIncident()
  const record = incident.steps['deny-peers']
  assert.ok(record)
  const facts = { isolated: ['subnet-1/acl-1/acl-0barrier1/aclassoc-1'] }
  const isolated = { ...incident, steps: { ...incident.steps, 'isolate-subnet': { ...record, facts } } }
  const behind = { ...live, acls: [{ ...acl, id: 'acl-0barrier1' }] }
  assert.equal(takeIn(isolated, behind, NOW), isolated)
  const replaced = takeIn(incident, behind, NOW)
  assert.deepEqual(
    replaced.restorePoint?.acls.map(({ id }) => id),
    ['acl-1', 'acl-0barrier1'],
  )
  const denials = [...incident.denials, { acl: 'acl-0barrier1', peer: '203.0.113.9', allowed: true, reason: '' }]
  const decided = { ...incident, denials }
  assert.equal(takeIn(decided, behind, NOW), decided)
})

test('takeIn() takes no more than a row holds, whatever is attached', async () => {
  const { incident, live, first } = await cutIncident()
  const interfaces = Array.from({ length: 500 }, (_, index) => ({ ...first, id: `eni-${index}`, groups: ['sg-late'] }))
  assert.equal(takeIn(incident, { ...live, interfaces }, NOW).restorePoint?.interfaces.length, 128)
})
