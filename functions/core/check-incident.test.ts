import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkIncident } from './check-incident.ts'
import { type Engine, engineOf, findingOf, INSTANCE, NOW, VPC } from './engine-fixture.ts'
import { loadIncident } from './incident-store.ts'
import { readJournal } from './journal.ts'
import type { Step } from './ports.ts'
import { TrackingTimeouts } from './proof.ts'
import { respond } from './respond.ts'
import type { Traffic } from './traffic.ts'
import type { VerifyPorts } from './verify-ports.ts'

const quiet: Traffic = { windows: [], conversations: [], truncated: false }
const soon = () => AbortSignal.timeout(5000)

async function cutEngine(): Promise<Engine> {
  const engine = await engineOf()
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  return engine
}

/** Looks at the newest incident as it stands; what the fleet is like is no part of it. */
async function check(engine: Engine, over: Partial<VerifyPorts> = {}) {
  const unasked = async (): Promise<never> => assert.fail('asked')
  const ports: VerifyPorts = {
    ...engine.ports,
    readFleet: unasked,
    prepareQuarantine: unasked,
    readTraffic: async () => quiet,
    ...over,
  }
  const settings = { ...engine.settings, tracking: TrackingTimeouts.parse({}), escalateAfterMs: 900_000 }
  const held = await loadIncident(engine.ledger, INSTANCE)
  assert.ok(held)
  await checkIncident(ports, settings, held, soon())
  const after = await loadIncident(engine.ledger, INSTANCE)
  assert.ok(after)
  return after.incident
}

test('checkIncident() escalates once where bytes pass after the deadline, and not before', async () => {
  const engine = await cutEngine()
  const start = NOW / 1000
  const passing = (at: number) => {
    const window = { interface: 'eni-1', start: at, end: at + 60, status: 'ok', acceptedBytes: 52 } as const
    return { readTraffic: async () => ({ ...quiet, windows: [window] }) }
  }
  const seen = async (at: number) => {
    engine.clock.advance(300_000)
    return check(engine, passing(at))
  }
  assert.equal((await seen(start + 899)).escalated, undefined)
  const { escalated, id } = await seen(start + 900)
  assert.match(escalated?.reason ?? '', /^52 bytes passed on eni-1 more than 15 minutes after the cut, the last at /)
  assert.deepEqual((await seen(start + 1800)).escalated, escalated)
  const lines = (await readJournal(engine.ledger, id)).flatMap(entry => entry.lines)
  assert.equal(lines.filter(({ kind }) => kind === 'escalated').length, 1)
})

test('checkIncident() takes an interface that was attached since into the restore point, with its ACL, and has its peers decided on', async () => {
  const engine = await cutEngine()
  const described = await engine.ports.instances.describe(INSTANCE, VPC, soon())
  assert.ok(described)
  const [first] = described.interfaces
  const [acl] = described.acls
  assert.ok(first && acl)
  const late = { ...first, id: 'eni-2', primary: false, subnet: 'subnet-2', groups: ['sg-late'] }
  const own = { ...first, id: 'eni-3', primary: false, groups: ['sg-quarantine'] }
  const behind = { ...acl, id: 'acl-2', subnets: ['subnet-2'] }
  const live = { ...described, interfaces: [first, late, own], acls: [acl, behind] }
  const instances = { describe: async () => live }
  const { interfaces = [], acls = [] } = (await check(engine, { instances })).restorePoint ?? {}
  assert.deepEqual(
    interfaces.map(({ id, groups }) => [id, groups]),
    [
      ['eni-1', ['sg-agents']],
      ['eni-2', ['sg-late']],
    ],
  )
  assert.deepEqual(
    acls.map(({ id }) => id),
    ['acl-1', 'acl-2'],
  )
  const residual = engine.sent.find(({ order }) => order.kind === 'residual')
  assert.ok(residual?.order.kind === 'residual')
  assert.deepEqual(
    residual.order.peers.map(({ address }) => address),
    ['203.0.113.9'],
  )
  await respond({ ...engine.ports, instances }, engine.settings, residual.order, engine.invocation('two'))
  const decided = (await loadIncident(engine.ledger, INSTANCE))?.incident.denials ?? []
  assert.deepEqual(
    decided.map(({ acl: at, peer, allowed }) => [at, peer, allowed]),
    [
      ['acl-1', '203.0.113.9', true],
      ['acl-2', '203.0.113.9', true],
    ],
  )
})

test('checkIncident() tells once how what a step began came to an end, also after the release', async () => {
  for (const released of [false, true]) {
    const engine = await cutEngine()
    let ready = false
    let asked = 0
    const steps = engine.ports.steps.map((step): Step => {
      if (step.id !== 'snapshot') return step
      return {
        ...step,
        async settled() {
          asked += 1
          return ready ? 'Evidence ready: snap-1 of vol-1' : undefined
        },
      }
    })
    if (released) {
      const { id } = await check(engine, { steps })
      const order = { kind: 'release', instance: INSTANCE, incident: id, by: 'ada' } as const
      await respond(engine.ports, engine.settings, order, engine.invocation('two'))
    }
    assert.equal((await check(engine, { steps })).steps['snapshot']?.settled, undefined)
    ready = true
    const { steps: records, id } = await check(engine, { steps })
    assert.equal(records['snapshot']?.settled, 'Evidence ready: snap-1 of vol-1')
    assert.equal(records['snapshot']?.status, released ? 'reverted' : 'done')
    const before = asked
    await check(engine, { steps })
    assert.equal(asked, before, 'what has ended is asked no more')
    const lines = (await readJournal(engine.ledger, id)).flatMap(entry => entry.lines)
    assert.equal(lines.filter(({ text }) => text.startsWith('Evidence ready')).length, 1)
  }
})
