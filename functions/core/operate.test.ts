import assert from 'node:assert/strict'
import { test } from 'node:test'
import { faultsOf } from './chain.ts'
import { type Engine, engineOf, findingOf, INSTANCE, NOW, VPC } from './engine-fixture.ts'
import { InputError } from './errors.ts'
import { inventoryKeys } from './inventory.ts'
import { operate } from './operate.ts'
import { respond } from './respond.ts'

async function withRow(tags: Record<string, string>): Promise<Engine> {
  const engine = await engineOf({ policy: { mode: 'approve' } })
  const row = {
    instance: INSTANCE,
    account: '111122223333',
    region: 'eu-west-1',
    vpc: VPC,
    launchedAt: 0,
    tags,
    interfaces: [],
    seenAt: NOW,
  }
  await engine.ledger.write(inventoryKeys.instance(INSTANCE), row, 'any')
  return engine
}

test('operate() enqueues a drill, marked as one, for an instance with the drill tag', async () => {
  const engine = await withRow({ 'firebreak:drill': 'true' })
  await operate(engine.ports, engine.settings.policy, { verb: 'drill', instance: INSTANCE, by: 'ada' })
  const [message] = engine.sent
  assert.ok(message?.order.kind === 'finding' && message.order.finding.drill)
  assert.equal(message.lane, INSTANCE)
})

test('operate() refuses a drill on an instance without the tag, or that nobody knows', async () => {
  const engine = await withRow({})
  const drill = (instance: string) =>
    operate(engine.ports, engine.settings.policy, { verb: 'drill', instance, by: 'ada' })
  await assert.rejects(drill(INSTANCE), {
    name: 'InputError',
    message: /does not carry the drill tag firebreak:drill=true/,
  })
  await assert.rejects(drill('i-unknown'), { name: 'InputError', message: /the inventory does not know it/ })
  assert.deepEqual(engine.sent, [])
})

test('operate() sends approvals and releases down the instance’s own lane, once each', async () => {
  const engine = await withRow({})
  const incident = await respond(
    engine.ports,
    engine.settings,
    { kind: 'finding', finding: findingOf() },
    engine.invocation('one'),
  )
  assert.equal(incident?.verdict, 'approval')
  const approve = { verb: 'approve', instance: INSTANCE, by: 'ada' } as const
  await operate(engine.ports, engine.settings.policy, approve)
  await operate(engine.ports, engine.settings.policy, approve)
  assert.equal(new Set(engine.sent.map(({ id }) => id)).size, 1)
  assert.deepEqual(engine.sent[0]?.order, { kind: 'approve', instance: INSTANCE, incident: incident?.id, by: 'ada' })
})

test('operate() refuses a verb on another incident than the open one', async () => {
  const engine = await withRow({})
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const request = { verb: 'release', instance: INSTANCE, incident: 'fb-other', by: 'ada' } as const
  await assert.rejects(operate(engine.ports, engine.settings.policy, request), InputError)
})

test('operate() tells an incident with its journal and that the chain is whole', async () => {
  const engine = await withRow({})
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const answer = await operate(engine.ports, engine.settings.policy, { verb: 'show', id: INSTANCE })
  assert.ok('journal' in answer)
  assert.equal(answer.incident.instance, INSTANCE)
  assert.ok(answer.journal.length > 0)
  assert.deepEqual(faultsOf(answer.incident.journal, answer.journal), [])
})

test('operate() hands on which steps to force, and refuses one that the incident has not', async () => {
  const engine = await engineOf()
  const incident = await respond(
    engine.ports,
    engine.settings,
    { kind: 'finding', finding: findingOf() },
    engine.invocation('one'),
  )
  const request = { verb: 'release', instance: INSTANCE, by: 'ada' } as const
  const release = (...force: string[]) => operate(engine.ports, engine.settings.policy, { ...request, force })
  await release('swap-groups')
  await release()
  const [forced, plain] = engine.sent.slice(-2)
  const order = { kind: 'release', instance: INSTANCE, incident: incident?.id, by: 'ada' }
  assert.deepEqual(forced?.order, { ...order, force: ['swap-groups'] })
  assert.deepEqual(plain?.order, order)
  assert.notEqual(forced?.id, plain?.id)
  await assert.rejects(release('pray'), {
    name: 'InputError',
    message: /^Cannot force "pray": .* swap-groups, deny-peers/,
  })
})
