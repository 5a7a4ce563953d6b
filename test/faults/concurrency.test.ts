import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingOf, PEER, sendFindings } from './findings.ts'
import { assertCut, consumeInThread, groupsIn, instancesOf, ledgerOf, startFleet } from './fleet.ts'

const INSTANCES = 50
/** For each instance. The whole thousand takes a minute and more: `FIREBREAK_FINDINGS=20`. */
const FINDINGS = Number(process.env['FIREBREAK_FINDINGS'] ?? 4)
const CONSUMERS = 20

/** Every instance meets these, so that all incidents hold leases on the same few entries. */
const PEERS = [1, 2, 3, 4].map(host => ({ ...PEER, address: `203.0.113.${host}` }))

/** Findings of every instance, a minute after another, each with one of the peers. */
function findingsOf(deployment: Parameters<typeof findingOf>[0], each: number) {
  return Array.from({ length: each }, (_, turn) =>
    instancesOf(deployment).map(instance => {
      const peer = PEERS[turn % PEERS.length]
      return findingOf(deployment, instance, { seed: String(turn), peers: peer ? [peer] : [] })
    }),
  ).flat()
}

test(`${INSTANCES * FINDINGS} findings on 50 instances, in the hands of 20 consumers, cut each instance once`, {
  timeout: 600_000,
}, async t => {
  const deployment = await startFleet(INSTANCES)
  try {
    const original = groupsIn(deployment)
    const instances = instancesOf(deployment)
    const findings = findingsOf(deployment, FINDINGS)
    assert.equal(findings.length, INSTANCES * FINDINGS)
    await sendFindings(deployment, findings)
    await consumeInThread(deployment, CONSUMERS)
    await assertCut(deployment, instances, original, { peers: PEERS.map(({ address }) => address) })
    const { incidents, leases, places } = await ledgerOf(deployment)
    assert.deepEqual(incidents.map(({ instance }) => instance).toSorted(), instances.toSorted())
    for (const { findingIds } of incidents) assert.equal(new Set(findingIds).size, FINDINGS)
    for (const lease of leases) assert.equal(new Set(lease.incidents).size, INSTANCES, lease.peer)
    assert.deepEqual(places.map(({ incident }) => incident).toSorted(), incidents.map(({ id }) => id).toSorted())
    assert.equal(deployment.tracker.tickets().length, INSTANCES)
    assert.equal(await deployment.deadLetters(), 0)
    t.diagnostic(`${deployment.sandbox.calls.filter(({ by }) => by === 'respond').length} calls of respond`)
  } finally {
    await deployment.close()
  }
})
