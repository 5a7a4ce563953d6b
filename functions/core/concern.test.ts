import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from './change.ts'
import { concerns } from './concern.ts'
import { engineOf, findingOf, INSTANCE } from './engine-fixture.ts'
import { loadIncident } from './incident-store.ts'
import { respond } from './respond.ts'

test('a change concerns an incident by what is its own, and not by a word, a number or what it shares', async () => {
  const engine = await engineOf()
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const held = await loadIncident(engine.ledger, INSTANCE)
  const record = held?.incident.steps['snapshot']
  assert.ok(held && record)
  const facts = {
    snapshots: ['snap-0123456789abcdef0'],
    entries: ['acl-0a4b5c6d7e8f90123/egress/90/203.0.113.9/32'],
    attached: ['eni-0718293a4b5c6d7e8=sg-0f60718293a4b5c6d,sg-1'],
    roles: ['agents/worker'],
    endpoint: 'enabled',
    asked: true,
  }
  const profile = 'arn:aws:iam::111122223333:instance-profile/agents'
  const { restorePoint, steps } = held.incident
  assert.ok(restorePoint)
  const incident = {
    ...held.incident,
    restorePoint: { ...restorePoint, profile },
    steps: { ...steps, snapshot: { ...record, facts } },
  }
  const named = (subject: string, touches: Change['touches'] = ['cut']) =>
    concerns({ id: 'e', at: 0, action: 'X', author: 'other', touches, subjects: [subject], tagKeys: [] }, incident)
  for (const own of [
    INSTANCE,
    'eni-1',
    'vol-1',
    'acl-1',
    '10.0.0.5',
    'snap-0123456789abcdef0',
    'acl-0a4b5c6d7e8f90123',
    'eni-0718293a4b5c6d7e8',
    'worker',
  ])
    assert.ok(named(own), own)
  for (const other of [
    '',
    '32',
    '90',
    'egress',
    'enabled',
    'true',
    'subnet-1',
    'vpc-1',
    'sg-quarantine',
    profile,
    'i-2',
  ])
    assert.ok(!named(other), other)
  assert.ok(named('sg-quarantine', ['cut', 'rules']))
  assert.ok(named('anything', ['every']))
  assert.ok(!named(INSTANCE, ['fleet', 'tags']))
})
