import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Description } from './description.ts'
import { engineOf, findingOf, NOW } from './engine-fixture.ts'
import type { Incident } from './incident.ts'
import { prove, TrackingTimeouts } from './proof.ts'
import { respond } from './respond.ts'
import type { Tracked, Traffic } from './traffic.ts'

const timeouts = TrackingTimeouts.parse({})
const later = NOW + 5 * 60_000
const cutSecond = NOW / 1000

/** An incident as respond leaves it, and the instance as the cut made it. */
async function cutIncident(): Promise<{ incident: Incident; live: Description }> {
  const engine = await engineOf()
  const order = { kind: 'finding', finding: findingOf() } as const
  const incident = await respond(engine.ports, engine.settings, order, engine.invocation('one'))
  const live = await engine.ports.instances.describe('i', undefined, AbortSignal.timeout(1000))
  assert.ok(incident && live)
  return { incident, live: { ...live, acls: [denying(live, '203.0.113.9/32')] } }
}

function denying({ acls }: Description, cidr: string) {
  const [acl] = acls
  assert.ok(acl)
  const rule = (egress: boolean, number: number, allow: boolean, range: string) => ({
    number,
    egress,
    allow,
    cidr: range,
    protocol: '-1',
  })
  return {
    ...acl,
    entries: [true, false].flatMap(egress => [
      rule(egress, 50, false, cidr),
      rule(egress, 100, true, '0.0.0.0/0'),
      rule(egress, 101, true, '::/0'),
      rule(egress, 32_767, false, '0.0.0.0/0'),
    ]),
  }
}

function window(over: Partial<Traffic['windows'][number]> = {}): Traffic['windows'][number] {
  return { interface: 'eni-1', start: cutSecond, end: cutSecond + 60, status: 'nodata', acceptedBytes: 0, ...over }
}

function tracked(over: Partial<Tracked> = {}): Tracked {
  return {
    peer: '203.0.113.9',
    port: 22,
    protocol: 6,
    first: cutSecond - 600,
    last: cutSecond - 60,
    closed: false,
    established: true,
    ...over,
  }
}

function traffic(over: Partial<Traffic> = {}): Traffic {
  return { windows: [window()], conversations: [tracked()], truncated: false, ...over }
}

test('prove() says cut when groups are read back, a window after the cut shows nothing and the peer is denied', async () => {
  const { incident, live } = await cutIncident()
  assert.deepEqual(prove(incident, live, traffic(), later, timeouts), { state: 'cut', reasons: [] })
})

test('prove() takes silence for no proof', async () => {
  const { incident, live } = await cutIncident()
  const none = prove(incident, live, traffic({ windows: [] }), later, timeouts)
  assert.equal(none.state, 'unverified')
  assert.match(none.reasons.join(), /No flow-log window of eni-1 lies wholly after the cut/)
  const lost = traffic({ windows: [window({ status: 'skipped' })] })
  assert.equal(prove(incident, live, lost, later, timeouts).state, 'unverified')
  const straddling = traffic({ windows: [window({ start: cutSecond - 1 })] })
  assert.equal(prove(incident, live, straddling, later, timeouts).state, 'unverified')
})

test('prove() needs a window of every interface', async () => {
  const { incident, live } = await cutIncident()
  const [first] = live.interfaces
  assert.ok(first)
  const two = { ...live, interfaces: [first, { ...first, id: 'eni-2', primary: false }] }
  assert.match(prove(incident, two, traffic(), later, timeouts).reasons.join(), /eni-2/)
})

test('prove() says unverified when a group was swapped back or an interface came', async () => {
  const { incident, live } = await cutIncident()
  const [first] = live.interfaces
  assert.ok(first)
  const back = { ...live, interfaces: [{ ...first, groups: ['sg-agents'] }] }
  const proof = prove(incident, back, traffic(), later, timeouts)
  assert.equal(proof.state, 'unverified')
  assert.match(proof.reasons.join(), /eni-1 is in sg-agents, not in sg-quarantine/)
})

test('prove() says new-flows-only for bytes after the cut', async () => {
  const { incident, live } = await cutIncident()
  const passing = traffic({
    windows: [window(), window({ start: cutSecond + 60, end: cutSecond + 120, acceptedBytes: 312 })],
  })
  const proof = prove(incident, live, passing, later, timeouts)
  assert.equal(proof.state, 'new-flows-only')
  assert.match(proof.reasons.join(), /312 bytes passed on eni-1 after the cut/)
})

test('prove() says new-flows-only while an idle conversation that nothing filters may still be tracked', async () => {
  const { incident, live } = await cutIncident()
  const idle = traffic({ conversations: [tracked({ peer: '198.51.100.7' })] })
  assert.equal(prove(incident, live, idle, later, timeouts).state, 'new-flows-only')
  const days = NOW + 433_000_000
  assert.equal(prove(incident, live, idle, days, timeouts).state, 'cut')
})

test('prove() lets closed, refused and timed out conversations go', async () => {
  const { incident, live } = await cutIncident()
  const conversations = [
    tracked({ peer: '198.51.100.7', closed: true }),
    tracked({ peer: '198.51.100.8', established: false }),
    tracked({ peer: '198.51.100.9', protocol: 17, port: 123, last: cutSecond - 300 }),
  ]
  assert.equal(prove(incident, live, traffic({ conversations }), later, timeouts).state, 'cut')
})

test('prove() counts no ACL for a peer inside the network', async () => {
  const { incident, live } = await cutIncident()
  const inside = { ...live, acls: [denying(live, '10.0.0.9/32')] }
  const pivot = traffic({ conversations: [tracked({ peer: '10.0.0.9' })] })
  assert.equal(prove(incident, inside, pivot, later, timeouts).state, 'new-flows-only')
})

test('prove() counts no deny that stands behind the allow that it should override', async () => {
  const { incident, live } = await cutIncident()
  const [acl] = live.acls
  assert.ok(acl)
  const entries = acl.entries.map(entry => (entry.number === 50 ? { ...entry, number: 150 } : entry))
  assert.equal(
    prove(incident, { ...live, acls: [{ ...acl, entries }] }, traffic(), later, timeouts).state,
    'new-flows-only',
  )
})

test('prove() counts a deny in one direction, since an ACL keeps no state', async () => {
  const { incident, live } = await cutIncident()
  const [acl] = live.acls
  assert.ok(acl)
  const entries = acl.entries.filter(({ number, egress }) => number !== 50 || egress)
  assert.equal(prove(incident, { ...live, acls: [{ ...acl, entries }] }, traffic(), later, timeouts).state, 'cut')
})

test('prove() counts a public address that is gone for external IPv4 peers only', async () => {
  const { incident, live } = await cutIncident()
  const [first] = live.interfaces
  assert.ok(first && incident.restorePoint)
  const had = { ...first, publicAddresses: [{ address: '192.0.2.4', private: '10.0.0.5' }] }
  const before = { ...incident, restorePoint: { ...incident.restorePoint, interfaces: [had] } }
  const open = { ...live, acls: [denying(live, '192.0.2.99/32')] }
  assert.equal(prove(before, open, traffic(), later, timeouts).state, 'cut')
  const still = { ...open, interfaces: [{ ...had, groups: first.groups }] }
  assert.equal(prove(before, still, traffic(), later, timeouts).state, 'new-flows-only')
  const six = traffic({ conversations: [tracked({ peer: '2001:db8::9' })] })
  assert.equal(prove(before, open, six, later, timeouts).state, 'new-flows-only')
})

test('prove() never says cut where conversations left the bounded state', async () => {
  const { incident, live } = await cutIncident()
  assert.equal(prove(incident, live, traffic({ truncated: true }), later, timeouts).state, 'unverified')
})

test('prove() trusts a public address that is gone only where every interface had one', async () => {
  const { incident, live } = await cutIncident()
  const address = { address: '198.51.100.20', private: '10.0.0.5' }
  const [first] = live.interfaces
  assert.ok(first && incident.restorePoint)
  const open = { ...live, acls: [denying(live, '198.51.100.1/32')] }
  const before = (...publics: (typeof address)[][]) => {
    const interfaces = publics.map((publicAddresses, at) => ({ ...first, id: `eni-${at + 1}`, publicAddresses }))
    return { ...incident, restorePoint: { ...live, interfaces } }
  }
  assert.equal(prove(before([address]), open, traffic(), later, timeouts).state, 'cut')
  assert.equal(prove(before([address], []), open, traffic(), later, timeouts).state, 'new-flows-only')
})

test('prove() trusts no ACL for an interface whose own cannot be seen', async () => {
  const { incident, live } = await cutIncident()
  const [first] = live.interfaces
  assert.ok(first)
  const both = { ...live, interfaces: [first, { ...first, id: 'eni-2', subnet: 'subnet-of-another-vpc' }] }
  const windows = [window(), window({ interface: 'eni-2' })]
  assert.equal(prove(incident, both, traffic({ windows }), later, timeouts).state, 'new-flows-only')
})

test('prove() knows that nothing passes to a terminated instance, and keeps what was proven of one that is gone', async () => {
  const { incident, live } = await cutIncident()
  const terminated = { ...live, state: 'terminated', interfaces: [], acls: [] }
  assert.equal(prove(incident, terminated, traffic(), later, timeouts).state, 'cut')
  const proven = { ...incident, cut: { ...incident.cut, state: 'cut' } } as const
  assert.equal(prove(proven, undefined, traffic(), later, timeouts).state, 'cut')
  assert.equal(prove(incident, undefined, traffic(), later, timeouts).state, 'unverified')
})

test('a cut with a DNS tunnel in its finding is proven only once the names are denied or the instance is stopped', async () => {
  const { incident, live } = await cutIncident()
  const [finding] = incident.findings
  const [any] = finding?.signals ?? []
  assert.ok(finding && any)
  const dns = { ...any, rule: 'dns-tunnel', name: 't.example.com', own: true }
  const tunnelled = { ...incident, findings: [{ ...finding, signals: [any, dns] }] }
  const traffic = { windows: [window()], conversations: [], truncated: false }
  const open = prove(tunnelled, live, traffic, later, timeouts)
  assert.equal(open.state, 'new-flows-only')
  assert.match(open.reasons.join(), /Names under t\.example\.com can still be asked for through the network's resolver/)
  assert.equal(prove(tunnelled, { ...live, state: 'stopped' }, traffic, later, timeouts).state, 'cut')
  const record = {
    ...{ status: 'done' as const, attempts: 1, covers: '', at: 1, done: [], unable: [], reason: '' },
    facts: { denied: ['t.example.com'] },
  }
  const denied = { ...tunnelled, steps: { ...tunnelled.steps, 'deny-names': record } }
  assert.equal(prove(denied, live, traffic, later, timeouts).state, 'cut')
})
