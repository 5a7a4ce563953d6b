import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ICMP, TCP, UDP } from '../core/flow.ts'
import { createClock } from './clock.ts'
import { announce, type Cloud } from './cloud.ts'
import { addGroup, addInstance, EVERYWHERE, emptyCloud } from './fixture.ts'
import { createTracker, type Party, type Segment } from './tracking.ts'

const PEER = '203.0.113.9'
const PEER6 = '2001:db8:ffff::9'
const DAY = 86_400_000

function setUp(prepare: (cloud: Cloud) => void) {
  const cloud = emptyCloud()
  prepare(cloud)
  const clock = createClock(Date.UTC(2026, 0, 2))
  const tracker = createTracker(cloud, { clock })
  /** A conversation: what inside sends out, and what comes back. */
  const between = (inside: Party, outside: Party, protocol = TCP) => ({
    open: () => tracker.permits({ from: inside, to: outside, protocol, opening: true }),
    out: (more: Partial<Segment> = {}) =>
      tracker.permits({ from: inside, to: outside, protocol, opening: false, ...more }),
    back: (more: Partial<Segment> = {}) =>
      tracker.permits({ from: outside, to: inside, protocol, opening: false, ...more }),
    openBack: () => tracker.permits({ from: outside, to: inside, protocol, opening: true }),
  })
  const swap = (networkInterface: string, ...groups: string[]) => {
    const held = cloud.interfaces.get(networkInterface)
    assert.ok(held)
    held.groups = groups
    announce(cloud, 'ModifyNetworkInterfaceAttribute', networkInterface)
  }
  const deny = (acl: string, cidr: string, egress: boolean) =>
    cloud.acls.get(acl)?.entries.push({ number: 7, egress, allow: false, cidr, protocol: '-1' })
  return { cloud, clock, tracker, between, swap, deny }
}

const tunnel = (address: string, port = 50_000): Party => ({ interface: 'eni-agent', address, port })
const ssh = (address: string): Party => ({ address, port: 22 })
const withAgent = (more: Partial<Parameters<typeof addInstance>[1]>) => (cloud: Cloud) =>
  addInstance(cloud, { name: 'agent', host: 10, nat: true, ...more })

describe('security groups', () => {
  it('a tracked connection outlives a group swap, in both directions, and a new one does not open', () => {
    const { between, swap } = setUp(withAgent({}))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    assert.deepEqual(one.open(), { passes: true, reason: 'admitted' })
    assert.deepEqual(one.back(), { passes: true, reason: 'tracked' })
    swap('eni-agent', 'sg-quarantine')
    assert.deepEqual(one.back(), { passes: true, reason: 'tracked' })
    assert.deepEqual(one.out(), { passes: true, reason: 'tracked' })
    assert.deepEqual(between(tunnel('10.0.1.10', 50_001), ssh(PEER)).open(), {
      passes: false,
      reason: 'egress-group',
      refusedAt: 'eni-agent',
    })
  })

  it('a SYN from ports that are tracked still has to be admitted, and its refusal does not end what is tracked', () => {
    const { between, swap } = setUp(withAgent({}))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    one.open()
    swap('eni-agent', 'sg-quarantine')
    assert.equal(one.open().reason, 'egress-group')
    assert.equal(one.out().reason, 'tracked')
  })

  it('an idle connection is tracked for five days and no longer', () => {
    const { between, clock, swap } = setUp(withAgent({}))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    one.open()
    swap('eni-agent', 'sg-quarantine')
    clock.advance(5 * DAY)
    assert.equal(one.out().reason, 'tracked')
    clock.advance(5 * DAY + 1)
    assert.equal(one.out().reason, 'egress-group')
  })

  it('UDP is tracked for 30 s, and for 180 s once several exchanges were seen', () => {
    const { between, clock } = setUp(withAgent({}))
    const one = between(tunnel('10.0.1.10'), { address: PEER, port: 123 }, UDP)
    one.open()
    one.back()
    clock.advance(30_001)
    assert.equal(one.back().passes, false)
    one.open()
    one.back()
    one.out()
    one.back()
    clock.advance(180_000)
    assert.equal(one.back().reason, 'tracked')
    clock.advance(180_001)
    assert.equal(one.back().passes, false)
  })

  it('a connection is forgotten at RST, and at the second FIN', () => {
    const { between, swap } = setUp(withAgent({}))
    const reset = between(tunnel('10.0.1.10', 50_000), ssh(PEER))
    const finished = between(tunnel('10.0.1.10', 50_001), ssh(PEER))
    reset.open()
    finished.open()
    reset.back({ closing: 'rst' })
    finished.out({ closing: 'fin' })
    assert.equal(finished.back({ closing: 'fin' }).reason, 'tracked')
    swap('eni-agent', 'sg-quarantine')
    assert.equal(reset.out().reason, 'egress-group')
    assert.equal(finished.out().reason, 'egress-group')
  })

  it('a flow under all-address rules in both directions is untracked and ends with them', () => {
    const { between, swap, tracker } = setUp(
      withAgent({ nat: false, publicAddress: '192.0.2.10', groups: ['sg-open'] }),
    )
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    one.open()
    assert.equal(one.back().reason, 'admitted')
    assert.deepEqual(tracker.connections('eni-agent'), [])
    swap('eni-agent', 'sg-quarantine')
    assert.equal(one.out().reason, 'egress-group')
    assert.equal(one.back().reason, 'ingress-group')
  })

  it('replies on all ports are what leaves a flow to one port untracked', () => {
    const { between, cloud, swap } = setUp(
      withAgent({ nat: false, publicAddress: '192.0.2.10', groups: ['sg-web-out'] }),
    )
    addGroup(cloud, 'sg-web-out', EVERYWHERE, [{ protocol: 'tcp', from: 443, to: 443, cidr: '0.0.0.0/0' }])
    const one = between(tunnel('10.0.1.10'), { address: PEER, port: 443 })
    one.open()
    one.back()
    one.out()
    swap('eni-agent', 'sg-quarantine')
    assert.equal(one.out().reason, 'egress-group')
  })

  it('a flow through address translation is tracked whatever the rules', () => {
    const { between, swap } = setUp(withAgent({ groups: ['sg-open'] }))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    one.open()
    swap('eni-agent', 'sg-quarantine')
    assert.equal(one.out().reason, 'tracked')
  })

  it('ICMP is tracked whatever the rules', () => {
    const { between, swap } = setUp(withAgent({ nat: false, publicAddress: '192.0.2.10', groups: ['sg-open'] }))
    const one = between(tunnel('10.0.1.10', 0), { address: PEER, port: 0 }, ICMP)
    one.open()
    swap('eni-agent', 'sg-quarantine')
    assert.equal(one.back().reason, 'tracked')
  })

  it('all-open rules take over what was tracked, so that a second swap ends it', () => {
    const { between, swap } = setUp(withAgent({ nat: false, publicAddress: '192.0.2.10' }))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    one.open()
    swap('eni-agent', 'sg-open')
    one.out()
    swap('eni-agent', 'sg-quarantine')
    assert.equal(one.out().reason, 'egress-group')
  })

  it('a rule that names a group admits that group’s members only', () => {
    const { between, cloud } = setUp(cloud => {
      addGroup(cloud, 'sg-db', [{ protocol: 'tcp', from: 5432, to: 5432, group: 'sg-agents' }], [])
      withAgent({})(cloud)
      addInstance(cloud, { name: 'db', host: 20, groups: ['sg-db'] })
      addInstance(cloud, { name: 'other', host: 30, groups: ['sg-open'] })
    })
    const database = { address: '10.0.1.20', port: 5432 }
    assert.equal(between(tunnel('10.0.1.10'), database).open().passes, true)
    assert.deepEqual(between({ interface: 'eni-other', address: '10.0.1.30', port: 1 }, database).open(), {
      passes: false,
      reason: 'ingress-group',
      refusedAt: 'eni-db',
    })
    assert.equal(cloud.groups.get('sg-db')?.egress.length, 0)
  })
})

describe('network ACLs', () => {
  for (const egress of [true, false])
    it(`a /32 deny on ${egress ? 'egress' : 'ingress'} ends a tracked connection at once and spares other peers`, () => {
      const { between, deny } = setUp(withAgent({}))
      const one = between(tunnel('10.0.1.10'), ssh(PEER))
      const other = between(tunnel('10.0.1.10', 50_001), ssh('198.51.100.7'))
      one.open()
      other.open()
      deny('acl-a', `${PEER}/32`, egress)
      const segment = egress ? one.out() : one.back()
      assert.deepEqual(segment, {
        passes: false,
        reason: egress ? 'egress-acl' : 'ingress-acl',
        refusedAt: 'eni-agent',
      })
      assert.equal(other.out().passes && other.back().passes, true)
    })

  it('an IPv6 peer takes a /128, and an IPv4 deny does not touch it', () => {
    const { between, deny } = setUp(withAgent({ nat: false }))
    const one = between(tunnel('2001:db8:0:101::a'), ssh(PEER6))
    assert.equal(one.open().passes, true)
    deny('acl-a', '0.0.0.0/0', true)
    assert.equal(one.out().passes, true)
    deny('acl-a', `${PEER6}/128`, false)
    assert.equal(one.back().reason, 'ingress-acl')
  })

  it('the lowest number that matches decides, whatever the order of making', () => {
    const { between, cloud, deny } = setUp(withAgent({}))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    deny('acl-a', `${PEER}/32`, true)
    assert.equal(one.open().reason, 'egress-acl')
    cloud.acls.get('acl-a')?.entries.push({
      number: 5,
      egress: true,
      allow: true,
      cidr: `${PEER}/32`,
      protocol: '6',
      ports: { from: 22, to: 22 },
    })
    assert.equal(one.open().passes, true)
  })

  it('an ACL without a rule that matches denies', () => {
    const { between, cloud } = setUp(withAgent({}))
    cloud.acls.get('acl-a')?.entries.splice(0)
    assert.equal(between(tunnel('10.0.1.10'), ssh(PEER)).open().reason, 'egress-acl')
  })

  it('traffic inside a subnet passes no ACL, between subnets it passes both', () => {
    const { between, deny } = setUp(cloud => {
      withAgent({})(cloud)
      addInstance(cloud, { name: 'near', host: 11 })
      addInstance(cloud, { name: 'far', host: 12, subnet: 'subnet-b' })
    })
    deny('acl-a', '10.0.0.0/16', true)
    deny('acl-a', '10.0.0.0/16', false)
    const near = between(tunnel('10.0.1.10'), { address: '10.0.1.11', port: 22 })
    assert.equal(near.open().passes && near.back().passes, true)
    assert.equal(between(tunnel('10.0.1.10'), { address: '10.0.2.12', port: 22 }).open().reason, 'egress-acl')
    const far = { interface: 'eni-far', address: '10.0.2.12', port: 1 }
    assert.deepEqual(between(far, { address: '10.0.1.10', port: 22 }).open(), {
      passes: false,
      reason: 'ingress-acl',
      refusedAt: 'eni-agent',
    })
  })
})

describe('routes', () => {
  it('taking the public address away ends what is tracked', () => {
    const { between, cloud } = setUp(withAgent({ nat: false, publicAddress: '192.0.2.10' }))
    const one = between(tunnel('10.0.1.10'), ssh(PEER))
    one.open()
    const held = cloud.addresses.get('eipalloc-agent')
    assert.ok(held)
    delete held.interface
    announce(cloud, 'DisassociateAddress', 'eipalloc-agent')
    assert.deepEqual(one.out(), { passes: false, reason: 'no-route' })
    assert.deepEqual(one.back(), { passes: false, reason: 'no-route' })
  })

  it('address translation lets nobody open from outside, over IPv6 neither', () => {
    const { between, tracker } = setUp(withAgent({ groups: ['sg-open'] }))
    assert.equal(between(tunnel('10.0.1.10', 22), { address: PEER, port: 4000 }).openBack().reason, 'no-route')
    assert.equal(between(tunnel('2001:db8:0:101::a', 22), { address: PEER6, port: 4000 }).openBack().reason, 'no-route')
    assert.deepEqual(tracker.connections('eni-agent'), [])
  })

  it('an outsider reaches the public address, and the answer leaves from the private one', () => {
    const { between, tracker } = setUp(cloud => {
      addGroup(cloud, 'sg-web', [{ protocol: 'tcp', from: 443, to: 443, cidr: '0.0.0.0/0' }], [])
      withAgent({ nat: false, assigned: '192.0.2.10', groups: ['sg-web'] })(cloud)
    })
    const outside = { address: PEER, port: 4000 }
    const opening = { from: outside, to: { address: '192.0.2.10', port: 443 }, protocol: TCP, opening: true }
    assert.deepEqual(tracker.permits(opening), { passes: true, reason: 'admitted' })
    assert.equal(between(tunnel('10.0.1.10', 443), outside).out().reason, 'tracked')
  })

  it('an address inside that nobody holds answers nothing, and the log of the sender says accepted', () => {
    const { between } = setUp(withAgent({}))
    assert.deepEqual(between(tunnel('10.0.1.10'), { address: '10.0.1.99', port: 22 }).open(), {
      passes: false,
      reason: 'no-host',
    })
  })

  it('a stopped instance neither sends nor answers', () => {
    const { between, cloud } = setUp(cloud => {
      withAgent({})(cloud)
      addInstance(cloud, { name: 'near', host: 11 })
    })
    const one = between(tunnel('10.0.1.10'), { address: '10.0.1.11', port: 22 })
    const agent = cloud.instances.get('i-agent')
    assert.ok(agent)
    agent.state = 'stopping'
    assert.equal(one.open().reason, 'not-running')
    assert.equal(one.openBack().reason, 'no-host')
  })

  it('the VPC resolver is filtered by neither groups nor ACLs', () => {
    const { between, cloud } = setUp(withAgent({ groups: ['sg-quarantine'] }))
    cloud.acls.get('acl-a')?.entries.splice(0)
    const resolver = between(tunnel('10.0.1.10'), { address: '10.0.0.2', port: 53 }, UDP)
    assert.equal(resolver.open().reason, 'provider')
    assert.equal(resolver.back().reason, 'provider')
  })
})
