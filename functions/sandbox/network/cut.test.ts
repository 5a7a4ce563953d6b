import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordsOf, scenarioNamed, startNetwork } from './fixture.ts'

const tunnel = 'reverse tunnel to 203.0.113.9:22'

test('a group swap leaves the tracked tunnel alive until its peer is denied', async () => {
  const { network, runTo, member, swapGroups, denyPeer } = startNetwork(scenarioNamed('tunnel-only'))
  const { instance } = member('worker')
  await runTo(6)
  const swapped = swapGroups('worker')
  await runTo(9)
  const alive = network.survivors(instance, swapped)
  assert.deepEqual(
    alive.map(({ label, peer, port }) => ({ label, peer, port })),
    [{ label: tunnel, peer: '203.0.113.9', port: 22 }],
  )
  assert.ok((alive[0]?.bytes ?? 0) > 10_000)

  const denied = denyPeer('worker', '203.0.113.9', 50)
  const deliveries = await runTo(20)
  assert.equal(network.residualBytes(instance, denied), 0)
  assert.deepEqual(network.survivors(instance, denied), [])
  const own = recordsOf(deliveries).filter(record => record['instance-id'] === instance)
  const refused = own.filter(({ action, srcaddr }) => action === 'REJECT' && srcaddr === '203.0.113.9')
  assert.ok(refused.length > 0, 'whoever drives it keeps knocking, and that is recorded')
})

test('ordinary connections end with a FIN before the cut, and new ones are tried and refused', async () => {
  const { network, runTo, member, swapGroups, denyPeer } = startNetwork(scenarioNamed('tunnel-only'))
  const { instance } = member('worker')
  const before = await runTo(6.5)
  swapGroups('worker')
  const cut = denyPeer('worker', '203.0.113.9', 50)
  const records = recordsOf([...before, ...(await runTo(20))]).filter(record => record['instance-id'] === instance)
  assert.equal(network.residualBytes(instance, cut), 0)

  const window = records.filter(({ start, end }) => Number(start) * 1000 < cut && cut <= Number(end) * 1000)
  const monitoring = window.find(({ dstaddr, action }) => dstaddr === '198.51.100.200' && action === 'ACCEPT')
  assert.ok(monitoring && (Number(monitoring['tcp-flags']) & 1) === 1)

  const after = records.filter(({ start }) => Number(start) * 1000 >= cut)
  assert.ok(after.some(record => record['log-status'] === 'OK'))
  assert.deepEqual(
    after.filter(({ action }) => action === 'ACCEPT'),
    [],
  )
  const tried = after.filter(({ dstaddr, action }) => dstaddr === '198.51.100.200' && action === 'REJECT')
  assert.ok(tried.length > 2)
  assert.ok(tried.every(record => record['tcp-flags'] === '2' && record['flow-direction'] === 'egress'))
})

test('a cut at the very end of a window leaves nothing to the window after it', async () => {
  const { network, runTo, member, swapGroups, denyPeer } = startNetwork(scenarioNamed('tunnel-only'))
  await runTo(6)
  swapGroups('worker')
  const cut = denyPeer('worker', '203.0.113.9', 50)
  assert.equal(cut, network.live + 6 * 60_000)
  const records = recordsOf(await runTo(14)).filter(record => record['instance-id'] === member('worker').instance)
  const later = records.filter(({ start, action }) => Number(start) * 1000 >= cut && action === 'ACCEPT')
  assert.deepEqual(later, [])
})

test('without the swap only the denied peer is cut off', async () => {
  const { network, runTo, member, denyPeer } = startNetwork(scenarioNamed('tunnel-only'))
  await runTo(6)
  const denied = denyPeer('worker', '203.0.113.9', 50)
  await runTo(12)
  const labels = network.survivors(member('worker').instance, denied).map(({ label }) => label)
  assert.ok(labels.includes('monitoring'))
  assert.ok(!labels.includes(tunnel))
})

test('a tunnel through a public address dies with it, and the neighbour who calls the same host goes on', async () => {
  const { network, cloud, runTo, member, swapGroups, announce } = startNetwork(scenarioNamed('shared-peer'))
  await runTo(6)
  swapGroups('worker')
  for (const held of cloud.addresses.values())
    if (held.interface === member('worker').interfaces[0]) {
      delete held.interface
      delete held.association
      announce('DisassociateAddress', held.allocation)
    }
  const now = network.live + 6 * 60_000
  await runTo(25)
  assert.equal(network.residualBytes(member('worker').instance, now), 0)
  const neighbour = network.survivors(member('neighbour').instance, now)
  assert.ok(neighbour.some(({ peer }) => peer === '203.0.113.9'))
})

test('a session inside the subnet outlives groups and ACL, at both of its ends', async () => {
  const { network, runTo, member, swapGroups, denyPeer } = startNetwork(scenarioNamed('pivot'))
  await runTo(8)
  swapGroups('worker')
  const cut = denyPeer('worker', '203.0.113.9', 50)
  const deliveries = await runTo(20)
  const [survivor, ...others] = network.survivors(member('worker').instance, cut)
  assert.match(survivor?.label ?? '', /^session inside to 10\.20\.1\.\d+:22$/)
  assert.deepEqual(others, [])
  const records = recordsOf(deliveries).filter(
    ({ start, action, srcport, dstport }) =>
      Number(start) * 1000 >= cut && action === 'ACCEPT' && [srcport, dstport].includes('22'),
  )
  const ends = new Set(
    records
      .filter(({ srcaddr, dstaddr }) => srcaddr?.startsWith('10.') && dstaddr?.startsWith('10.'))
      .map(record => record['instance-id']),
  )
  assert.deepEqual([...ends].sort(), [member('worker').instance, member('neighbour').instance].sort())
})

test('a flow log that stops at the cut says nothing of any window that ends after it', async () => {
  const { network, runTo, member, swapGroups } = startNetwork(scenarioNamed('blind'))
  await runTo(6.5)
  const cut = swapGroups('worker')
  const records = recordsOf(await runTo(20))
  assert.ok(records.length > 0)
  assert.ok(records.every(({ end }) => Number(end) * 1000 <= cut))
  assert.ok(network.residualBytes(member('worker').instance, cut) > 0, 'the tunnel is tracked and nobody sees it')
})

test('what an exempt, an out-of-scope and a neighbouring instance send goes on when the ROME instance is cut', async () => {
  const scenario = scenarioNamed('rome', { history: 20 * 60_000 })
  const { network, runTo, member, swapGroups, denyPeer } = startNetwork(scenario)
  await runTo(13)
  const swapped = swapGroups('rome')
  const survived = await runTo(14).then(() => network.survivors(member('rome').instance, swapped))
  assert.deepEqual(survived.map(({ label }) => label).sort(), ['mining to 203.0.113.200:14433', tunnel])
  denyPeer('rome', '203.0.113.9', 50)
  const cut = denyPeer('rome', '203.0.113.200', 51)
  await runTo(22)
  assert.equal(network.residualBytes(member('rome').instance, cut), 0)
  for (const name of scenario.expect.untouched) {
    const bytes = network.residualBytes(member(name).instance, cut)
    assert.ok(bytes > 0, `${name}: ${bytes}`)
  }
  const labels = network.survivors(member('exempt-agent').instance, cut).map(({ label }) => label)
  assert.ok(labels.includes('reverse tunnel to 203.0.113.61:22'))
})

test('an IPv6 tunnel needs no public address, and the deny of its /128 ends it', async () => {
  const scenario = scenarioNamed('rome', { history: 20 * 60_000 })
  const peer = '2001:db8:ffff::9'
  const instances = scenario.instances.map(spec => ({
    ...spec,
    outlet: spec.name === 'rome' ? spec.outlet : ('nat' as const),
    breakouts: spec.breakouts.map(one => (one.kind === 'reverse-tunnel' ? { ...one, to: peer } : one)),
  }))
  const { network, cloud, runTo, member, swapGroups, denyPeer } = startNetwork({ ...scenario, instances })
  for (const held of cloud.addresses.values()) delete held.interface
  const before = recordsOf(await runTo(13))
  assert.ok(
    before.some(record => record['dstaddr'] === peer && record['type'] === 'IPv6' && record['traffic-path'] === '8'),
  )
  const swapped = swapGroups('rome')
  await runTo(14)
  const label = `reverse tunnel to ${peer}:22`
  assert.ok(network.survivors(member('rome').instance, swapped).some(one => one.label === label))
  const denied = denyPeer('rome', peer, 50)
  await runTo(20)
  assert.ok(network.survivors(member('rome').instance, denied).every(one => one.label !== label))
})

test('a stopped instance sends nothing, and its peers get no answer', async () => {
  const { network, cloud, runTo, member, announce } = startNetwork(scenarioNamed('tunnel-only'))
  const { instance } = member('worker')
  await runTo(6)
  const stopped = cloud.instances.get(instance)
  assert.ok(stopped)
  stopped.state = 'stopped'
  announce('StopInstances', instance)
  await runTo(12)
  const stop = network.live + 6 * 60_000
  assert.equal(network.residualBytes(instance, stop), 0)
  stopped.state = 'running'
  announce('StartInstances', instance)
  await runTo(20)
  assert.ok(network.residualBytes(instance, stop) > 0, 'once started it works on')
})
