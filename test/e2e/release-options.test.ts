import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import { type Trips, tripsOf } from '../../functions/cli/drill/trips.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { findingOf, sendFindings } from '../faults/findings.ts'
import { breakout, brokenOut, playToFinding, playToProof, verified } from '../faults/stage.ts'

const timeout = 240_000

/** All of the cloud as it stands, but for what is kept as evidence. */
function stateOf({ built }: Deployment): Omit<Cloud, 'changed' | 'snapshots' | 'buckets'> {
  const { changed: _listeners, snapshots: _disks, buckets: _files, ...state } = built.cloud
  return structuredClone(state)
}

async function incidentOf(deployment: Deployment) {
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    return (await loadIncident(adapters.ledger, brokenOut(deployment)))?.incident ?? assert.fail()
  } finally {
    adapters.close()
  }
}

/** The breakout with the escalation so configured, its inventory kept. */
async function start(
  escalation: Readonly<Record<string, unknown>>,
  without: readonly string[] = [],
  prepare: (deployment: Deployment) => void = () => {},
  latency = 0,
) {
  const deployment = await deploy(breakout, {
    without,
    latencies: { ec2: latency, dynamodb: latency, sqs: 0, iam: 0, lambda: 0, logs: 0, s3: 0 },
    rules: { score: { alert: 70, isolate: 70 } },
    settings: { escalation },
  })
  prepare(deployment)
  await verified(deployment)
  return deployment
}

test('a subnet that is cut off whole ends the tunnels that no peer was denied for, is proven and comes back', {
  timeout,
}, async () => {
  const deployment = await start({ isolateSubnet: true }, ['deny-peers'])
  const instance = brokenOut(deployment)
  try {
    const before = stateOf(deployment)
    await playToFinding(deployment)
    await deployment.respond()
    await playToProof(deployment)
    const { cut, steps } = await incidentOf(deployment)
    assert.deepEqual(cut.reasons, [])
    assert.equal(cut.state, 'cut')
    assert.equal(steps['isolate-subnet']?.done.length, 2)
    assert.equal(deployment.network.residualBytes(instance, cut.at ?? 0), 0)
    assert.deepEqual(deployment.network.survivors(instance, cut.at ?? 0), [])
    await deployment.operate({ verb: 'release', instance, by: 'ada' })
    await deployment.respond()
    assert.deepEqual(stateOf(deployment), before)
  } finally {
    await deployment.close()
  }
})

test('an instance that nothing else cuts off is led through an open group: what is tracked ends, and the groups come back', {
  timeout,
}, async () => {
  const assigned = (deployment: Deployment) => {
    const { cloud } = deployment.built
    for (const acl of cloud.acls.values()) acl.owner = '999988887777'
    const held = [...cloud.interfaces.values()].filter(one => one.instance === brokenOut(deployment))
    for (const [index, one] of held.entries()) one.assigned = `192.0.2.${200 + index}`
    cloud.addresses.clear()
  }
  for (const transitSeconds of [0, 1]) {
    const deployment = await start({ transitSeconds }, [], assigned)
    const { built, clock, network, sandbox } = deployment
    const instance = brokenOut(deployment)
    try {
      const before = stateOf(deployment)
      await playToFinding(deployment)
      let opened = 0
      sandbox.onAnswer(async ({ action, target }) => {
        if (action !== 'ModifyNetworkInterfaceAttribute') return
        const [group = ''] = built.cloud.interfaces.get(target ?? '')?.groups ?? []
        if (built.cloud.groups.get(group)?.ingress.length !== 2) return
        opened += 1
        // Whoever types goes on while it stands open.
        for await (const { payload } of network.run({ until: clock.now() + 20_000 })) await deployment.watch(payload)
      })
      await deployment.respond()
      assert.equal(opened > 0, transitSeconds > 0)
      const { cut, steps } = await incidentOf(deployment)
      const since = (cut.at ?? 0) + 1
      await playToProof(deployment)
      const peers = network.survivors(instance, since).map(({ peer }) => peer)
      assert.deepEqual(peers.toSorted(), transitSeconds > 0 ? [] : ['203.0.113.200', '203.0.113.9'])
      assert.equal(steps['transit-swap']?.done.length, transitSeconds > 0 ? 2 : 0)
      await deployment.operate({ verb: 'release', instance, by: 'ada' })
      await deployment.respond()
      assert.deepEqual(stateOf(deployment), before)
    } finally {
      await deployment.close()
    }
  }
})

test('neither option makes the way to the cut longer', { timeout }, async () => {
  for (const escalation of [{}, { isolateSubnet: true }, { transitSeconds: 1 }]) {
    // Long against what a busy machine adds, or calls of one round would look like several.
    const deployment = await start(escalation, [], undefined, 300)
    const { sandbox } = deployment
    try {
      await sendFindings(deployment, [findingOf(deployment, brokenOut(deployment))])
      const trips: (Trips | undefined)[] = []
      await deployment.respond(async invoke => {
        const from = sandbox.calls.length
        const answer = await invoke()
        trips.push(tripsOf(sandbox.calls.slice(from), 0, undefined))
        return answer
      })
      const [first] = trips
      assert.deepEqual([first?.roundTrips, first?.sequential], [2, 3], JSON.stringify(escalation))
    } finally {
      await deployment.close()
    }
  }
})
