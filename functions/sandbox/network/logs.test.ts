import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as z from 'zod'
import type { Scenario } from '../scenario/scenario.ts'
import { MINUTE, recordsOf, scenarioNamed, startNetwork, unpack } from './fixture.ts'

async function played(scenario: Scenario, minutes: number) {
  const started = startNetwork(scenario)
  const deliveries = await started.runTo(minutes)
  return { ...started, deliveries }
}

test('the same scenario gives the same payloads, byte for byte', async () => {
  const scenario = scenarioNamed('pivot')
  const [first, second] = [await played(scenario, 10), await played(scenario, 10)]
  assert.ok(first.deliveries.length > 100)
  assert.deepEqual(first.deliveries, second.deliveries)
})

test('another seed gives other traffic', async () => {
  const [first, second] = [
    await played(scenarioNamed('pivot'), 8),
    await played(scenarioNamed('pivot', { seed: 'other' }), 8),
  ]
  assert.notDeepEqual(first.deliveries, second.deliveries)
})

test('the accepted bytes of the logs are the bytes of the ground truth', async () => {
  const { cloud, network, built, deliveries, announce, runTo } = await played(scenarioNamed('rome'), 14)
  for (const one of cloud.instances.values()) one.state = 'stopped'
  announce('StopInstances', '')
  const records = recordsOf([...deliveries, ...(await runTo(22))])
  const logged = new Map<string, number>()
  for (const record of records)
    if (record['action'] === 'ACCEPT') {
      const instance = record['instance-id'] ?? ''
      logged.set(instance, (logged.get(instance) ?? 0) + Number(record['bytes']))
    }
  for (const { instance, name } of built.members) {
    assert.ok(network.bytesInAll(instance) > 0, name)
    assert.equal(logged.get(instance), network.bytesInAll(instance), name)
  }
  const silent = records.filter(record => record['log-status'] === 'NODATA')
  assert.ok(silent.length > 0)
})

test('every interface has a record for every window, and a silent one says NODATA and nothing else', async () => {
  const { cloud, network, member, runTo } = startNetwork(scenarioNamed('tunnel-only'))
  const stopped = cloud.instances.get(member('agent-001').instance)
  assert.ok(stopped)
  stopped.state = 'stopped'
  const records = recordsOf(await runTo(12))
  const windows = Map.groupBy(records, record => `${record['interface-id']} ${record['start']} ${record['end']}`)
  const expected: string[] = []
  for (const id of cloud.interfaces.keys()) {
    for (let start = network.live - 60 * MINUTE; start < network.live; start += 10 * MINUTE)
      expected.push(`${id} ${start / 1000} ${start / 1000 + 600}`)
    for (let minute = 0; minute < 7; minute++)
      expected.push(`${id} ${network.live / 1000 + minute * 60} ${network.live / 1000 + minute * 60 + 60}`)
  }
  assert.deepEqual([...windows.keys()].sort(), expected.sort())
  const silent = records.filter(record => record['log-status'] === 'NODATA')
  assert.ok(silent.some(record => record['interface-id'] === member('agent-001').interfaces[0]))
  for (const record of silent) {
    const said = Object.entries(record).filter(([, value]) => value !== '-')
    assert.deepEqual(said.map(([field]) => field).sort(), [
      'account-id',
      'end',
      'interface-id',
      'log-status',
      'start',
      'version',
    ])
  }
})

test('a subscription payload carries one interface, in its stream, with ids that never repeat', async () => {
  const { deliveries, cloud } = await played(scenarioNamed('tunnel-only'), 8)
  const ids = new Set<string>()
  let events = 0
  for (const delivery of deliveries.filter(({ kind }) => kind === 'flow')) {
    const { owner, logGroup, logStream, logEvents } = unpack(delivery)
    assert.equal(owner, cloud.account)
    assert.equal(logGroup, delivery.group)
    assert.equal(logStream, delivery.stream)
    for (const { id, message } of logEvents) {
      assert.match(id, /^\d{56}$/)
      assert.ok(message.includes(logStream.replace('-all', '')))
      ids.add(id)
      events += 1
    }
  }
  assert.ok(events > 500)
  assert.equal(ids.size, events)
})

test('payloads arrive in order, live ones five minutes after their window', async () => {
  const { deliveries, network } = await played(scenarioNamed('rome', { history: 20 * MINUTE }), 14)
  const times = deliveries.map(({ at }) => at)
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  )
  const live = deliveries.filter(({ kind, at }) => kind === 'flow' && at > network.live)
  for (const delivery of live)
    for (const { timestamp } of unpack(delivery).logEvents) assert.equal(delivery.at, timestamp + 6 * MINUTE)
  assert.ok(live.length > 0)
})

test('a reverse tunnel is set up with our SYN, 17 to 18 packets and 4.3 to 4.5 kB out', async () => {
  const { deliveries, member } = await played(scenarioNamed('tunnel-only'), 12)
  const { instance } = member('worker')
  const records = recordsOf(deliveries).filter(
    record => record['instance-id'] === instance && [record['srcaddr'], record['dstaddr']].includes('203.0.113.9'),
  )
  const [out, back] = records.filter(record => (Number(record['tcp-flags']) & 2) > 0)
  assert.equal(out?.['flow-direction'], 'egress')
  assert.equal(out?.['tcp-flags'], '2')
  assert.equal(back?.['tcp-flags'], '18')
  assert.ok(Number(out?.['packets']) >= 17 && Number(out?.['packets']) <= 18, JSON.stringify(out))
  assert.ok(Number(out?.['bytes']) >= 4300 && Number(out?.['bytes']) <= 4500)
  const driven = Map.groupBy(
    records.filter(({ start }) => Number(start) > Number(out?.['start']) + 120),
    ({ start }) => start,
  )
  assert.ok(driven.size >= 3)
  for (const [start, both] of driven) {
    const packets = (direction: string) =>
      Number(both.find(record => record['flow-direction'] === direction)?.['packets'])
    assert.ok(packets('ingress') / packets('egress') >= 1.5, start)
  }
})

const Event = z.looseObject({
  firewall_name: z.literal('egress'),
  event_timestamp: z.string(),
  event: z.looseObject({
    event_type: z.enum(['alert', 'tls', 'netflow']),
    src_ip: z.string(),
    dest_ip: z.string(),
    tls: z.strictObject({ sni: z.string(), version: z.string() }).optional(),
    alert: z.looseObject({ category: z.string() }).optional(),
  }),
})

test('the firewall names the pool within seconds, from the private address that opened it', async () => {
  const { cloud, network, runTo, member } = startNetwork(scenarioNamed('rome', { history: 20 * MINUTE }))
  const mining = network.live + 740_000
  const deliveries = await runTo(12.75)
  const secondary = cloud.interfaces.get(member('rome').interfaces[1] ?? '')
  const events = deliveries
    .filter(({ kind, at }) => kind === 'firewall' && at >= mining)
    .flatMap(delivery => unpack(delivery).logEvents.map(({ message }) => Event.parse(JSON.parse(message)).event))
    .filter(({ src_ip }) => src_ip === secondary?.address)
  const named = events.find(({ event_type }) => event_type === 'tls')
  assert.equal(named?.tls?.sni, 'xmr.mining-pool.example.net')
  assert.equal(named?.dest_ip, '203.0.113.200')
  const alert = events.find(({ event_type }) => event_type === 'alert')
  assert.equal(alert?.alert?.category, 'Crypto Currency Mining Activity Detected')
})

test('the firewall counts each direction of a session that ended', async () => {
  const { deliveries } = await played(scenarioNamed('ordinary'), 2)
  const netflows = deliveries
    .filter(({ stream }) => stream.includes('netflow'))
    .flatMap(delivery => unpack(delivery).logEvents.map(({ message }) => Event.parse(JSON.parse(message)).event))
  assert.ok(netflows.length > 50)
  assert.equal(netflows.length % 2, 0)
  for (const { src_ip, dest_ip } of netflows) assert.ok(src_ip.startsWith('10.') !== dest_ip.startsWith('10.'))
})

test('the logs of one instance come at most an hour apart, however long the batches are', async () => {
  const scenario = scenarioNamed('rome', { history: 3 * 60 * MINUTE })
  const { network, member, runTo } = startNetwork(scenario)
  const history = (await runTo(0)).filter(({ at }) => at <= network.live)
  const streams = (name: string) => member(name).interfaces.map(id => `${id}-all`)
  for (const stream of streams('rome')) assert.equal(history.filter(one => one.stream === stream).length, 3)
  for (const stream of streams('agent-001')) assert.equal(history.filter(one => one.stream === stream).length, 1)
})
