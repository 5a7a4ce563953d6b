import assert from 'node:assert/strict'
import { test } from 'node:test'
import { budgetKey } from './budget.ts'
import { ACL, type Engine, engineOf, findingOf, INSTANCE, NOW, peer } from './engine-fixture.ts'
import type { Finding } from './finding.ts'
import { incidentKey, loadIncident } from './incident-store.ts'
import { Leases, leaseKey } from './leases.ts'
import type { Order } from './order.ts'
import type { Ledger, Step } from './ports.ts'
import { respond } from './respond.ts'
import type { RespondPorts } from './respond-ports.ts'

/** Sequences in which respond meets a change of mind, of the instance, or of another function. */

function send(engine: Engine, order: Order, ports: RespondPorts = engine.ports) {
  return respond(ports, engine.settings, order, engine.invocation(`owner-${Math.random()}`))
}

function handle(engine: Engine, over: Partial<Finding> = {}, ports: RespondPorts = engine.ports) {
  return send(engine, { kind: 'finding', finding: findingOf(over) }, ports)
}

async function incidentOf(engine: Engine) {
  const held = await loadIncident(engine.ledger, INSTANCE)
  assert.ok(held)
  return held.incident
}

function described(engine: Engine, over: object): RespondPorts {
  const describe: RespondPorts['instances']['describe'] = async (...asked) => {
    const description = await engine.ports.instances.describe(...asked)
    return description && { ...description, ...over }
  }
  return { ...engine.ports, instances: { describe } }
}

const second = 'f2'.padEnd(64, '0')
const drilled = { 'firebreak:scope': 'agent', 'firebreak:drill': 'true' }

test('an approval of an instance that was terminated meanwhile cuts nothing, and the incident stays readable', async () => {
  const engine = await engineOf({ policy: { mode: 'approve' } })
  const incident = await handle(engine)
  const order = { kind: 'approve', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' } as const
  await send(engine, order, described(engine, { state: 'terminated', vpc: '', interfaces: [], acls: [] }))
  const { verdict, verdictReason, restorePoint } = await incidentOf(engine)
  assert.deepEqual([verdict, verdictReason, restorePoint], ['refused', 'The instance is terminated', undefined])
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('an approval cuts no instance that is out of scope or exempt', async () => {
  for (const [policy, tags] of [
    [{ exemptInstances: [INSTANCE] }, drilled],
    [{}, { owner: 'billing' }],
  ] as const) {
    const engine = await engineOf({ policy })
    const incident = await handle(engine, {}, described(engine, { tags }))
    assert.equal(incident?.verdict, 'refused')
    const order = { kind: 'approve', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' } as const
    await send(engine, order, described(engine, { tags }))
    assert.deepEqual(engine.cloud.groups, ['sg-agents'])
  }
})

test('a real finding on an instance in a drill is no drill any more', async () => {
  const engine = await engineOf()
  const ports = described(engine, { tags: drilled })
  await handle(engine, { drill: true, peers: [] }, ports)
  await handle(engine, { id: second }, ports)
  const incident = await incidentOf(engine)
  assert.equal(incident.drill, false)
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9'])
})

test('a drill does not cut what waits for a person', async () => {
  const engine = await engineOf({ policy: { mode: 'approve' } })
  const ports = described(engine, { tags: drilled })
  await handle(engine, {}, ports)
  await handle(engine, { id: second, drill: true }, ports)
  assert.equal((await incidentOf(engine)).verdict, 'approval')
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('nothing is cut again once a release is asked for, whatever failed and whatever is found', async () => {
  let broken = true
  const engine = await engineOf({
    before(step) {
      if (step === 'deny-peers') throw new Error('Throttled')
    },
  })
  const steps = engine.ports.steps.map(
    (step): Step =>
      step.id === 'deny-peers'
        ? {
            ...step,
            async revert(work) {
              if (broken) throw new Error('Throttled')
              return step.revert(work)
            },
          }
        : step,
  )
  const ports = { ...engine.ports, steps }
  const incident = await handle(engine, {}, ports)
  const order = { kind: 'release', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' } as const
  await assert.rejects(send(engine, order, ports), { name: 'RetryableError' })
  const before = engine.log.length
  await handle(engine, { id: second, peers: [peer('198.51.100.7')] }, ports)
  assert.deepEqual(engine.log.slice(before), [])
  broken = false
  await send(engine, order, ports)
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('an alert keeps its ticket when the cut that follows waits for a person', async () => {
  const references: unknown[] = []
  const engine = await engineOf({ policy: { budget: { cutsPerHour: 0, reserve: { cutsPerHour: 0 } } } })
  const ticket: Step = {
    id: 'ticket-webhook',
    stage: 'report',
    permissions: [],
    covers: ({ verdict }) => verdict,
    apply: async ({ incident }) => {
      references.push(incident.steps['ticket-webhook']?.facts['reference'])
      return { done: ['Ticket 1'], unable: [], facts: { reference: '1' } }
    },
    verify: async () => ({ holds: true, notes: [] }),
    revert: async () => ({ done: [], unable: [], facts: {} }),
  }
  const ports = { ...engine.ports, steps: [...engine.ports.steps, ticket] }
  await handle(engine, { decision: 'alert', score: 70 }, ports)
  await handle(engine, { id: second }, ports)
  assert.equal((await incidentOf(engine)).verdict, 'approval')
  assert.deepEqual(references, [undefined, '1'])
})

test('a cut that lost the race for the last place decides its denies anew when a person approves', async () => {
  let raced = false
  const engine = await engineOf({
    policy: { budget: { cutsPerHour: 1, reserve: { cutsPerHour: 0 } } },
    ledger: (ledger): Ledger => ({
      ...ledger,
      async write(key, value, ...rest) {
        if (key.partition === budgetKey.partition && !raced) {
          raced = true
          await ledger.write(key, { cuts: [{ incident: 'fb-other', at: NOW, open: true }] }, 'any')
        }
        return ledger.write(key, value, ...rest)
      },
    }),
  })
  const incident = await handle(engine)
  assert.deepEqual([incident?.verdict, incident?.denials, incident?.restorePoint], ['approval', [], undefined])
  assert.deepEqual((await engine.ledger.read(leaseKey(ACL)))?.value, { leases: [] })
  const order = { kind: 'approve', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' } as const
  await send(engine, order, { ...engine.ports, neighbourUse: async () => 'used' })
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  assert.deepEqual(engine.cloud.denied, [])
})

test('a finding that is too large for the row still cuts, with all its peers', async () => {
  const engine = await engineOf()
  const [signal] = findingOf().signals
  assert.ok(signal)
  const signals = Array.from({ length: 256 }, () => ({ ...signal, detail: '\u{1f525}'.repeat(500) }))
  for (let one = 0; one < 9; one++)
    await handle(engine, {
      id: `f${one}`.padEnd(64, '0'),
      score: 120 - one,
      signals,
      peers: [peer(`203.0.113.${one}`)],
    })
  const row = await engine.ledger.read(incidentKey(INSTANCE))
  assert.ok(Buffer.byteLength(JSON.stringify(row?.value)) < 250_000)
  assert.equal(engine.cloud.denied.length, 9)
})

test('a failed snapshot does not make the state of the cut pending', async () => {
  const engine = await engineOf({
    before(step) {
      if (step === 'snapshot') throw new Error('SnapshotLimitExceeded')
    },
  })
  await handle(engine)
  for (let message = engine.sent.shift(); message; message = engine.sent.shift()) await send(engine, message.order)
  await handle(engine, { id: second, peers: [peer('198.51.100.7')] })
  const { cut, steps } = await incidentOf(engine)
  assert.deepEqual([steps['snapshot']?.status, cut.state], ['failed', 'unverified'])
})

test('a release forgets no entry that the leases were not told of, and leaves one that somebody came to need', async () => {
  let deaf = true
  const engine = await engineOf({
    ledger: (ledger): Ledger => ({
      ...ledger,
      async write(key, value, ...rest) {
        const isTold =
          key.partition === 'leases' && Leases.parse(value).leases.some(({ entries }) => entries.length > 0)
        if (deaf && isTold) throw new Error('The function was ended')
        return ledger.write(key, value, ...rest)
      },
    }),
  })
  await assert.rejects(handle(engine), /ended/)
  deaf = false
  engine.clock.advance(600_000)
  const { id } = await incidentOf(engine)
  await send(engine, { kind: 'release', instance: INSTANCE, incident: id, by: 'ada' })
  assert.deepEqual(engine.cloud.denied, [])
})

test('a release brings its ticket up to date when the tracker is back', async () => {
  let up = true
  const told: (number | undefined)[] = []
  const engine = await engineOf()
  const ticket: Step = {
    id: 'ticket-webhook',
    stage: 'report',
    permissions: [],
    covers: ({ cut, closedAt }) => `${cut.state} ${closedAt}`,
    apply: async ({ incident }) => {
      if (!up) throw new Error('The tracker is down')
      told.push(incident.closedAt)
      return { done: [], unable: [], facts: {} }
    },
    verify: async () => ({ holds: true, notes: [] }),
    revert: async () => ({ done: [], unable: [], facts: {} }),
  }
  const ports = { ...engine.ports, steps: [...engine.ports.steps, ticket] }
  const incident = await handle(engine, {}, ports)
  up = false
  await send(engine, { kind: 'release', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' }, ports)
  up = true
  for (let message = engine.sent.shift(); message; message = engine.sent.shift())
    await send(engine, message.order, ports)
  assert.deepEqual(told, [undefined, NOW])
  assert.equal((await incidentOf(engine)).claim, undefined)
})

test('an interface that moved to another instance counts as a neighbour, whatever the inventory said', async () => {
  const engine = await engineOf()
  const asked: string[][] = []
  const neighbourUse: RespondPorts['neighbourUse'] = async (_acl, _peer, own) => {
    asked.push([...own])
    return own.includes('eni-2') ? 'unused' : 'used'
  }
  const interfaces = ['eni-1', 'eni-2'].map(id => ({ id, subnet: 'subnet-1', acl: ACL }))
  const incident = await handle(engine, { placement: { vpc: 'vpc-1', interfaces } }, { ...engine.ports, neighbourUse })
  assert.deepEqual(asked, [['eni-1', 'eni-2'], ['eni-1']])
  assert.deepEqual(
    incident?.denials.map(({ allowed }) => allowed),
    [false],
  )
})

test('a peer is refused, not forgotten, where an interface stands behind an ACL that cannot be seen', async () => {
  const engine = await engineOf()
  const incident = await handle(engine, {}, described(engine, { acls: [] }))
  assert.deepEqual(
    incident?.denials.map(({ acl, allowed }) => [acl, allowed]),
    [['unseen', false]],
  )
  assert.equal(incident?.cut.state, 'new-flows-only')
})
