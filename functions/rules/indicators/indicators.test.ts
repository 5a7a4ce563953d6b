import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '../../core/address.ts'
import { busySuffixes } from './busy-suffixes.ts'
import { isWebName, poolIndicators, poolNamed, soundsLikePool } from './pools.ts'
import {
  isServicePort,
  isSharedStratumPort,
  isStratumPort,
  servicePorts,
  sharedStratumPorts,
  stratumPorts,
} from './ports.ts'
import { isIngress, tunnelBanners, tunnelIndicators, tunnelPorts, tunnelRanges, tunnelsNamed } from './tunnels.ts'

const names = [...tunnelIndicators, ...poolIndicators, ...busySuffixes]
const ports = [...tunnelPorts, ...stratumPorts, ...sharedStratumPorts, ...servicePorts]

test('every indicator says where it is from and since when', () => {
  for (const { value, source, date } of [...names, ...ports, ...tunnelRanges, ...tunnelBanners]) {
    assert.ok(source.length > 5, value)
    assert.match(date, /^\d{4}-\d{2}(-\d{2})?$/, value)
  }
})

test('every name is one in lower case, every range a range, every port a port', () => {
  for (const { value } of names) assert.match(value, /^[a-z0-9-]+(\.[a-z0-9-]+)+$/, value)
  for (const { value } of tunnelRanges) assert.ok(parseCidr(value), value)
  for (const { value } of ports)
    assert.ok(Number.isInteger(Number(value)) && Number(value) > 0 && Number(value) < 65_536, value)
})

test('no indicator stands twice, nor a port in two lists that contradict each other', () => {
  const keys = [...names, ...tunnelRanges].map(({ kind, value }) => `${kind} ${value}`)
  assert.deepEqual(
    keys.filter((key, at) => keys.indexOf(key) !== at),
    [],
  )
  for (const { value } of stratumPorts)
    assert.ok(!isSharedStratumPort(Number(value)) && !isServicePort(Number(value)), value)
})

test('tunnelsNamed() tells an ingress from a website, by name or by port where they share it', () => {
  const ingress = (name: string, port: number) => tunnelsNamed(name).some(indicator => isIngress(indicator, port))
  for (const [name, port] of [
    ['connect.ngrok-agent.com', 443],
    ['connect.us.ngrok-agent.com', 443],
    ['region1.v2.argotunnel.com', 7844],
    ['h2.cftunnel.com', 7844],
    ['bore.pub', 7835],
    ['serveo.net', 22],
    ['a.pinggy.io', 443],
    ['pro.pinggy.io', 443],
    ['nyc1.tmate.io', 22],
    ['loca.lt', 34_567],
    ['euw-data.rel.tunnels.api.visualstudio.com', 443],
  ] as const)
    assert.ok(ingress(name, port), `${name}:${port}`)
  for (const [name, port] of [
    ['ngrok.com', 443],
    ['dashboard.ngrok.com', 443],
    ['x.ngrok-free.app', 443],
    ['bore.pub', 443],
    ['serveo.net', 443],
    ['pinggy.io', 443],
    ['tmate.io', 443],
    ['loca.lt', 443],
    ['global.rel.tunnels.api.visualstudio.com', 443],
    ['update.argotunnel.com', 443],
    ['notbore.pub', 7835],
  ] as const)
    assert.ok(!ingress(name, port), `${name}:${port}`)
})

test('isWebName() knows the names under which a pool’s website answers', () => {
  const web = (name: string) => {
    const pool = poolNamed(name)
    assert.ok(pool, name)
    return isWebName(name, pool)
  }
  for (const name of ['nicehash.com', 'www.nicehash.com', 'xmr.nanopool.org', 'dashboard.miningpoolhub.com'])
    assert.ok(web(name), name)
  for (const name of [
    'xmr-eu1.nanopool.org',
    'pool.supportxmr.com',
    'de.quai.herominers.com',
    'daggerhashimoto.eu.nicehash.com',
  ])
    assert.ok(!web(name), name)
})

test('soundsLikePool() wants a coin and a trade as labels of their own', () => {
  for (const name of [
    'xmr.pool.example.net',
    'btc-mine.example.org',
    'stratum.kaspa.example.com',
    'eu1-rvn.mining.example.net',
  ])
    assert.ok(soundsLikePool(name), name)
  for (const name of [
    'carpool.example.com',
    'ethernet-pool.example.com',
    'eth0.pool.example.com',
    'pool.example.com',
    `${'xmr.pool.'.repeat(1000)}net`,
  ])
    assert.ok(!soundsLikePool(name), name)
})

test('the ports of stratum are told apart by how much else uses them', () => {
  assert.ok(isStratumPort(3333) && !isStratumPort(8888) && isSharedStratumPort(8333) && isServicePort(443))
})
