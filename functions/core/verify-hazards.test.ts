import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Engine, engineOf, findingOf, INSTANCE, NOW, VPC } from './engine-fixture.ts'
import { incidentKey, loadIncident } from './incident-store.ts'
import { inventoryKeys } from './inventory.ts'
import { readJournal } from './journal.ts'
import type { Step } from './ports.ts'
import { TrackingTimeouts } from './proof.ts'
import { respond } from './respond.ts'
import type { Traffic } from './traffic.ts'
import { verify } from './verify.ts'
import type { VerifyPorts } from './verify-ports.ts'

/** Sequences in which verify meets somebody else's work, or what an intruder did. */

const proving = { tracking: TrackingTimeouts.parse({}), escalateAfterMs: 900_000 }
const quiet: Traffic = { windows: [], conversations: [], truncated: false }

function portsOf(engine: Engine, over: Partial<VerifyPorts> = {}): VerifyPorts {
  return {
    ...engine.ports,
    readFleet: async () => ({
      at: engine.clock.now(),
      account: '111122223333',
      region: 'eu-west-1',
      instances: [],
      interfaces: [],
      networks: [],
    }),
    prepareQuarantine: async () => 'sg-quarantine',
    readTraffic: async () => quiet,
    ...over,
  }
}

function look(engine: Engine, over: Partial<VerifyPorts> = {}) {
  return verify(portsOf(engine, over), { ...engine.settings, ...proving }, AbortSignal.timeout(5000))
}

async function cutEngine(...options: Parameters<typeof engineOf>): Promise<Engine> {
  const engine = await engineOf(...options)
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  return engine
}

async function incidentOf(engine: Engine) {
  const held = await loadIncident(engine.ledger, INSTANCE)
  assert.ok(held)
  return held.incident
}

test('verify() says nothing of an incident that was released while it looked', async () => {
  const engine = await cutEngine()
  const { id } = await incidentOf(engine)
  const readTraffic = async () => {
    const order = { kind: 'release', instance: INSTANCE, incident: id, by: 'ada' } as const
    await respond(engine.ports, engine.settings, order, engine.invocation('two'))
    return { ...quiet, windows: [] }
  }
  await look(engine, { readTraffic })
  const incident = await incidentOf(engine)
  assert.equal(incident.cut.state, 'restored')
  assert.deepEqual(
    Object.values(incident.steps).map(({ status }) => status),
    ['reverted', 'reverted', 'reverted', 'reverted'],
  )
})

test('verify() proves the others when one incident cannot be read', async () => {
  const engine = await cutEngine()
  await engine.ledger.write(incidentKey('i-unreadable'), { id: 7 }, 'any')
  const seen = await look(engine)
  assert.equal(seen.incidents.length, 1)
  assert.match(seen.failures.join(), /^incident of i-unreadable: /)
})

test('verify() leaves incident and journal readable however much there is to say', async () => {
  const engine = await cutEngine()
  const notes = Array.from({ length: 300 }, (_, index) => `acl-1 egress 203.0.113.${index} is not denied`)
  const steps = engine.ports.steps.map(
    (step): Step => (step.id === 'deny-peers' ? { ...step, verify: async () => ({ holds: false, notes }) } : step),
  )
  await look(engine, { steps })
  const { id, steps: records } = await incidentOf(engine)
  assert.equal(records['deny-peers']?.status, 'failed')
  assert.equal((await readJournal(engine.ledger, id)).at(-1)?.lines[0]?.kind, 'reopened')
})

test('verify() takes the group that was prepared since when the recorded one is in no use', async () => {
  const engine = await engineOf({
    before(step) {
      if (step === 'swap-groups') throw new Error('InvalidGroup.NotFound')
    },
  })
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const network = { vpc: VPC, cidrs: [], peeredCidrs: [], endpoints: [], quarantine: 'sg-new', seenAt: NOW }
  await engine.ledger.write(inventoryKeys.network(VPC), network, 'any')
  await look(engine)
  assert.equal((await incidentOf(engine)).quarantine, 'sg-new')
})

test('verify() does not call an instance cut while a step of the cut does not hold', async () => {
  const engine = await cutEngine()
  engine.clock.advance(300_000)
  const start = NOW / 1000 + 60
  const windows = [{ interface: 'eni-1', start, end: start + 60, status: 'nodata', acceptedBytes: 0 } as const]
  const readTraffic = async () => ({ ...quiet, windows })
  await look(engine, { readTraffic })
  assert.equal((await incidentOf(engine)).cut.state, 'cut')
  const steps = engine.ports.steps.map(
    (step): Step =>
      step.id === 'swap-groups'
        ? { ...step, verify: async () => ({ holds: false, notes: ['Quarantine group has 1 rules'] }) }
        : step,
  )
  await look(engine, { readTraffic, steps })
  const { cut } = await incidentOf(engine)
  assert.equal(cut.state, 'unverified')
  assert.match(cut.reasons.join(), /Quarantine group has 1 rules/)
})

test('verify() lets a ticket be tried again where nothing was cut', async () => {
  let up = false
  const engine = await engineOf({ policy: { mode: 'observe' } })
  const ticket: Step = {
    id: 'ticket-webhook',
    stage: 'report',
    permissions: [],
    apply: async () => {
      if (!up) throw new Error('The tracker is down')
      return { done: ['Ticket 1'], unable: [], facts: { reference: '1' } }
    },
    verify: async () => ({ holds: true, notes: [] }),
    revert: async () => ({ done: [], unable: [], facts: {} }),
  }
  const ports = { ...engine.ports, steps: [...engine.ports.steps, ticket] }
  await respond(ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const drain = async () => {
    for (let message = engine.sent.shift(); message; message = engine.sent.shift())
      await respond(ports, engine.settings, message.order, engine.invocation(message.id))
  }
  await drain()
  assert.equal((await incidentOf(engine)).steps[ticket.id]?.attempts, 3)
  up = true
  await look(engine, { steps: ports.steps })
  await drain()
  assert.equal((await incidentOf(engine)).steps[ticket.id]?.status, 'done')
})
