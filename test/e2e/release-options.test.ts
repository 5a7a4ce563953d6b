import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
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

/** The breakout with the escalation so configured, found and cut, and the cloud as it stood before. */
async function cutBreakout(escalation: Readonly<Record<string, unknown>>, without: readonly string[] = []) {
  const deployment = await deploy(breakout, {
    without,
    latencies: { ec2: 0, dynamodb: 0, sqs: 0, iam: 0, lambda: 0, logs: 0, s3: 0 },
    rules: { score: { alert: 70, isolate: 70 } },
    settings: { escalation },
  })
  await verified(deployment)
  const before = stateOf(deployment)
  await playToFinding(deployment)
  await deployment.respond()
  await playToProof(deployment)
  return { deployment, before, instance: brokenOut(deployment) }
}

test('a subnet that is cut off whole ends the tunnels that no peer was denied for, is proven and comes back', {
  timeout,
}, async () => {
  const { deployment, before, instance } = await cutBreakout({ isolateSubnet: true }, ['deny-peers'])
  try {
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
