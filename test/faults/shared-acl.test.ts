import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import { findingOf, PEER, sendFindings } from './findings.ts'
import { assertCut, consume, denialsIn, groupsIn, instancesOf, ledgerOf, startFleet } from './fleet.ts'
import { verified } from './stage.ts'

/** One that both incidents must deny, and one of the first alone. */
const COMMON = PEER
const OWN = { ...PEER, address: '203.0.113.77' }

/** Two instances behind one ACL, both cut at once. */
async function cutBoth(use: (deployment: Deployment, first: string, second: string) => Promise<void>): Promise<void> {
  const deployment = await startFleet(3)
  try {
    const original = groupsIn(deployment)
    const [first = '', second = ''] = instancesOf(deployment)
    await sendFindings(deployment, [
      findingOf(deployment, first, { peers: [COMMON, OWN] }),
      findingOf(deployment, second, { peers: [COMMON] }),
    ])
    await consume(deployment, 2)
    await assertCut(deployment, [first, second], original, { peers: [COMMON.address, OWN.address] })
    await use(deployment, first, second)
    await assertCut(deployment, [], original, { peers: [], taken: [first, second] })
    const { incidents, places } = await ledgerOf(deployment)
    assert.deepEqual(places, [])
    for (const { id, closedAt, cut } of incidents) assert.ok(closedAt !== undefined && cut.state === 'restored', id)
  } finally {
    await deployment.close()
  }
}

async function release(deployment: Deployment, ...instances: readonly string[]): Promise<void> {
  await Promise.all(instances.map(instance => deployment.operate({ verb: 'release', instance, by: 'ada' })))
  await consume(deployment, instances.length)
}

const peersDenied = (deployment: Deployment) => new Set(denialsIn(deployment).map(text => text.split(' ')[0]))

for (const { what, order } of [
  { what: 'the first', order: [0, 1] },
  { what: 'the second', order: [1, 0] },
] as const)
  test(`what two incidents deny stands until the last is released, where ${what} goes first`, async () => {
    await cutBoth(async (deployment, ...both) => {
      const [early, late] = order
      await release(deployment, both[early])
      assert.deepEqual(peersDenied(deployment), new Set(early === 0 ? [COMMON.address] : [COMMON.address, OWN.address]))
      for (const egress of ['egress', 'ingress'])
        assert.ok(denialsIn(deployment).includes(`${COMMON.address} ${egress}`))
      const { leases } = await ledgerOf(deployment)
      assert.ok(leases.every(({ incidents }) => incidents.length === 1))
      await release(deployment, both[late])
    })
  })

test('two incidents that are released at the same time leave no entry and no lease behind', async () => {
  for (let round = 0; round < 4; round++)
    await cutBoth(async (deployment, first, second) => {
      await release(deployment, first, second)
    })
})

test('an incident that needs the peer while another one is released has it denied in the end', async () => {
  const deployment = await startFleet(3)
  try {
    const original = groupsIn(deployment)
    const [first = '', second = ''] = instancesOf(deployment)
    await sendFindings(deployment, [findingOf(deployment, first)])
    await consume(deployment, 1)
    await Promise.all([
      deployment.operate({ verb: 'release', instance: first, by: 'ada' }),
      sendFindings(deployment, [findingOf(deployment, second)]),
    ])
    await consume(deployment, 2)
    // Where the entry went under the new incident, verify sees it, and has it made again.
    await verified(deployment)
    await consume(deployment, 1)
    await assertCut(deployment, [second], original, { peers: [PEER.address], taken: [first, second] })
    await release(deployment, second)
    await assertCut(deployment, [], original, { peers: [], taken: [first, second] })
  } finally {
    await deployment.close()
  }
})
