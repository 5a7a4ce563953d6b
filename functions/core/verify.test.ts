import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Engine, engineOf, findingOf, INSTANCE, NOW, VPC } from './engine-fixture.ts'
import type { Fleet } from './fleet.ts'
import { loadIncident } from './incident-store.ts'
import { InstanceRow, InterfaceRow, inventoryKeys, NetworkRow } from './inventory.ts'
import { brokenAt, readJournal } from './journal.ts'
import { TrackingTimeouts } from './proof.ts'
import { respond } from './respond.ts'
import type { Traffic } from './traffic.ts'
import { verify } from './verify.ts'
import type { VerifyPorts } from './verify-ports.ts'

const quiet: Traffic = { windows: [], conversations: [], truncated: false }

function fleetAt(at: number, over: Partial<Fleet['instances'][number]> = {}): Fleet {
  const one = { id: 'eni-1', subnet: 'subnet-1', acl: 'acl-1', addresses: ['10.0.0.5'], publicAddresses: [] }
  return {
    at,
    account: '111122223333',
    region: 'eu-west-1',
    instances: [
      {
        instance: INSTANCE,
        vpc: VPC,
        launchedAt: NOW - 86_400_000,
        state: 'running',
        tags: { 'firebreak:scope': 'agent' },
        interfaces: [one],
        ...over,
      },
    ],
    interfaces: [{ id: 'eni-1', vpc: VPC, subnet: 'subnet-1', acl: 'acl-1', instance: INSTANCE }],
    networks: [{ vpc: VPC, cidrs: ['10.0.0.0/16'], peeredCidrs: [], endpoints: [] }],
  }
}

function portsOf(engine: Engine, over: Partial<VerifyPorts> = {}): VerifyPorts {
  return {
    ...engine.ports,
    readFleet: async () => fleetAt(engine.clock.now()),
    prepareQuarantine: async () => 'sg-quarantine',
    readTraffic: async () => quiet,
    ...over,
  }
}

const proving = { tracking: TrackingTimeouts.parse({}), escalateAfterMs: 900_000 }
const soon = () => AbortSignal.timeout(5000)

async function cutEngine(): Promise<Engine> {
  const engine = await engineOf()
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  return engine
}

test('verify() writes who stands where, and the quarantine group, before any finding', async () => {
  const engine = await engineOf()
  const seen = await verify(portsOf(engine), { ...engine.settings, ...proving }, soon())
  assert.deepEqual(seen, { inScope: 1, networks: 1, incidents: [], failures: [] })
  const row = InstanceRow.parse((await engine.ledger.read(inventoryKeys.instance(INSTANCE)))?.value)
  assert.equal(row.scopedAt, NOW)
  assert.equal(
    NetworkRow.parse((await engine.ledger.read(inventoryKeys.network(VPC)))?.value).quarantine,
    'sg-quarantine',
  )
})

test('verify() writes since when an instance matches what the policy makes exceptions for, and until when it did', async () => {
  const engine = await engineOf({ policy: { modes: [{ scope: 'env=test', mode: 'observe' }] } })
  const seen = async (tags: Record<string, string>) => {
    engine.clock.advance(60_000)
    const at = engine.clock.now()
    await verify(
      portsOf(engine, { readFleet: async () => fleetAt(at, { tags }) }),
      { ...engine.settings, ...proving },
      soon(),
    )
    return InstanceRow.parse((await engine.ledger.read(inventoryKeys.instance(INSTANCE)))?.value).selected
  }
  assert.equal(await seen({}), undefined)
  const since = NOW + 120_000
  assert.deepEqual(await seen({ env: 'test' }), { 'env=test': { since } })
  assert.deepEqual(await seen({ env: 'test' }), { 'env=test': { since } })
  assert.deepEqual(await seen({}), { 'env=test': { since, until: NOW + 240_000 } })
  assert.deepEqual(await seen({}), { 'env=test': { since, until: NOW + 240_000 } })
  assert.deepEqual(await seen({ env: 'test' }), { 'env=test': { since: NOW + 360_000 } })
})

test('verify() closes the tenure of an interface that changed hands and keeps who held it', async () => {
  const engine = await engineOf()
  await verify(portsOf(engine), { ...engine.settings, ...proving }, soon())
  engine.clock.advance(600_000)
  const moved = async () => fleetAt(engine.clock.now(), { instance: 'i-other', launchedAt: NOW + 300_000 })
  await verify(portsOf(engine, { readFleet: moved }), { ...engine.settings, ...proving }, soon())
  const { tenures } = InterfaceRow.parse((await engine.ledger.read(inventoryKeys.interface('eni-1')))?.value)
  assert.deepEqual(
    tenures.map(({ instance, from, to }) => [instance, from, to]),
    [
      [INSTANCE, NOW - 86_400_000, NOW + 600_000],
      ['i-other', NOW + 300_000, undefined],
    ],
  )
  const gone = InstanceRow.parse((await engine.ledger.read(inventoryKeys.instance(INSTANCE)))?.value)
  assert.equal(gone.goneAt, NOW + 600_000)
  engine.clock.advance(31 * 86_400_000)
  assert.equal(await engine.ledger.read(inventoryKeys.instance(INSTANCE)), undefined)
  assert.equal((await engine.ledger.read(inventoryKeys.interface('eni-1')))?.key.sort, 'interface/eni-1')
})

test('verify() keeps the first time of an exemption and the last time in scope', async () => {
  const engine = await engineOf()
  const tagged = (tags: Record<string, string>) => async () => fleetAt(engine.clock.now(), { tags })
  const settings = { ...engine.settings, ...proving }
  await verify(
    portsOf(engine, { readFleet: tagged({ 'firebreak:scope': 'agent', 'firebreak:exempt': 'true' }) }),
    settings,
    soon(),
  )
  engine.clock.advance(3_600_000)
  await verify(portsOf(engine, { readFleet: tagged({ 'firebreak:exempt': 'true' }) }), settings, soon())
  const row = InstanceRow.parse((await engine.ledger.read(inventoryKeys.instance(INSTANCE)))?.value)
  assert.equal(row.exemptSince, NOW)
  assert.equal(row.scopedAt, NOW)
})

test('verify() writes no row that says nothing new', async () => {
  let writes = 0
  const engine = await engineOf({
    ledger: ledger => ({
      ...ledger,
      write(...all) {
        writes += 1
        return ledger.write(...all)
      },
    }),
  })
  await verify(portsOf(engine), { ...engine.settings, ...proving }, soon())
  const first = writes
  engine.clock.advance(60_000)
  await verify(portsOf(engine), { ...engine.settings, ...proving }, soon())
  assert.ok(first > 0)
  assert.equal(writes, first)
})

test('verify() proves a cut and the ticket hears of it', async () => {
  const engine = await cutEngine()
  engine.clock.advance(300_000)
  const windows = [
    { interface: 'eni-1', start: NOW / 1000, end: NOW / 1000 + 60, status: 'nodata', acceptedBytes: 0 } as const,
  ]
  const seen = await verify(
    portsOf(engine, { readTraffic: async () => ({ ...quiet, windows }) }),
    { ...engine.settings, ...proving },
    soon(),
  )
  assert.deepEqual(
    seen.incidents.map(({ state }) => state),
    ['cut'],
  )
  const held = await loadIncident(engine.ledger, INSTANCE)
  assert.equal(held?.incident.cut.checkedAt, NOW + 300_000)
  const journal = await readJournal(engine.ledger, held?.incident.id ?? '')
  assert.equal(brokenAt(journal), undefined)
  assert.match(journal.at(-1)?.lines.at(-1)?.text ?? '', /The state is cut/)
})

test('verify() opens a proven cut again for a later byte', async () => {
  const engine = await cutEngine()
  const at = NOW / 1000
  const windows = [{ interface: 'eni-1', start: at, end: at + 60, status: 'ok', acceptedBytes: 0 } as const]
  const settings = { ...engine.settings, ...proving }
  await verify(portsOf(engine, { readTraffic: async () => ({ ...quiet, windows }) }), settings, soon())
  const more = [
    ...windows,
    { interface: 'eni-1', start: at + 600, end: at + 660, status: 'ok', acceptedBytes: 52 } as const,
  ]
  const seen = await verify(
    portsOf(engine, { readTraffic: async () => ({ ...quiet, windows: more }) }),
    settings,
    soon(),
  )
  assert.deepEqual(
    seen.incidents.map(({ state }) => state),
    ['new-flows-only'],
  )
  const held = await loadIncident(engine.ledger, INSTANCE)
  const journal = await readJournal(engine.ledger, held?.incident.id ?? '')
  assert.equal(journal.at(-1)?.lines.at(-1)?.kind, 'reopened')
})

test('verify() puts a step that came undone back into the lane, which does it again', async () => {
  const engine = await cutEngine()
  engine.cloud.groups = ['sg-agents']
  const steps = engine.ports.steps.map(step =>
    step.id === 'swap-groups'
      ? {
          ...step,
          verify: async () => ({ holds: engine.cloud.groups[0] === 'sg-quarantine', notes: ['eni-1 is in sg-agents'] }),
        }
      : step,
  )
  const ports = { ...engine.ports, steps }
  await verify({ ...portsOf(engine), steps }, { ...engine.settings, ...proving }, soon())
  const [message] = engine.sent
  assert.equal(message?.order.kind, 'continue')
  if (message) await respond(ports, engine.settings, message.order, engine.invocation('two'))
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('verify() revives a step that used up its tries', async () => {
  let denied = true
  const engine = await engineOf({
    before: step => {
      if (step === 'swap-groups' && denied) throw new Error('UnauthorizedOperation')
    },
  })
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  for (let round = 0; round < 5; round++) {
    const message = engine.sent.shift()
    if (message) await respond(engine.ports, engine.settings, message.order, engine.invocation(`${round}`))
  }
  assert.equal(engine.sent.length, 0)
  denied = false
  await verify(portsOf(engine), { ...engine.settings, ...proving }, soon())
  const message = engine.sent.shift()
  assert.ok(message)
  await respond(engine.ports, engine.settings, message.order, engine.invocation('revived'))
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('verify() looks at the other incidents and says so when one part fails', async () => {
  const engine = await cutEngine()
  const readFleet = async (): Promise<Fleet> => {
    throw new Error('RequestLimitExceeded')
  }
  const seen = await verify(portsOf(engine, { readFleet }), { ...engine.settings, ...proving }, soon())
  assert.deepEqual(seen.failures, ['inventory: Error: RequestLimitExceeded'])
  assert.equal(seen.incidents.length, 1)
})

test('verify() orders a deny of an external peer with which bytes pass after the cut, and of nobody else', async () => {
  const engine = await cutEngine()
  engine.clock.advance(300_000)
  const seen = {
    port: 443,
    protocol: 6,
    first: NOW / 1000 - 600,
    last: NOW / 1000 + 120,
    closed: false,
    established: true,
  }
  const conversations = [
    { ...seen, peer: '198.51.100.7' },
    { ...seen, peer: '10.0.0.9' },
    { ...seen, peer: '198.51.100.8', closed: true },
    { ...seen, peer: '198.51.100.9', last: NOW / 1000 - 1 },
  ]
  const allowing = [true, false].map(egress => ({
    number: 100,
    egress,
    allow: true,
    cidr: '0.0.0.0/0',
    protocol: '-1',
  }))
  const described = await engine.ports.instances.describe(INSTANCE, VPC, soon())
  assert.ok(described)
  const live = { ...described, acls: described.acls.map(acl => ({ ...acl, entries: allowing })) }
  const instances = { describe: async () => live }
  await verify(
    portsOf(engine, { instances, readTraffic: async () => ({ ...quiet, conversations }) }),
    { ...engine.settings, ...proving },
    soon(),
  )
  const [order] = engine.sent.filter(message => message.order.kind === 'residual')
  assert.ok(order?.order.kind === 'residual')
  assert.deepEqual(order.order.peers, [{ address: '198.51.100.7', port: 443, protocol: 6 }])
})
