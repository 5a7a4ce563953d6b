import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { observe } from '../../functions/cli/drill/observe.ts'
import { shortcomings } from '../../functions/cli/drill/outcome.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { breakout, brokenOut, playToFinding, playToProof, startBreakout } from '../faults/stage.ts'

const timeout = 240_000

test('after a drill the bucket holds what the journal, the ticket and the page name, digest by digest', {
  timeout,
}, async () => {
  const deployment = await startBreakout()
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    await playToFinding(deployment)
    await deployment.respond()
    await playToProof(deployment)
    const { outcome, told } = await observe(deployment, adapters.ledger, undefined)
    assert.ok(told)
    const bucket = deployment.built.cloud.buckets?.get('firebreak-evidence')
    assert.ok(bucket)
    const stored = [...bucket.objects].map(([key, versions]) => {
      assert.equal(versions.length, 1, key)
      const sha256 = createHash('sha256')
        .update(versions[0]?.bytes ?? '')
        .digest('hex')
      return `${key.slice(key.lastIndexOf('/') + 1)} ${sha256}`
    })
    const lines = told.journal.flatMap(entry => entry.lines)
    const named = lines.flatMap(({ step, kind, text }) => {
      const [, name, sha256] = /^Kept (\S+): \d+ bytes, SHA-256 ([0-9a-f]{64})/.exec(text) ?? []
      return step === 'collect' && kind === 'result' && name !== undefined ? `${name} ${sha256}` : []
    })
    assert.deepEqual(named.toSorted(), stored.toSorted())
    assert.equal(outcome.evidence.files, stored.length)
    assert.equal(outcome.evidence.folder, `s3://firebreak-evidence/firebreak/${told.incident.id}/`)
    // The flow log is what gave it away: its records are evidence.
    const flow = [...bucket.objects].find(([key]) => key.includes('aws-vpc-flow'))?.[1][0]?.bytes.toString() ?? ''
    const interfaces = deployment.built.members.find(one => one.instance === brokenOut(deployment))?.interfaces ?? []
    for (const id of interfaces) assert.ok(flow.includes(id), id)
    const others = [...deployment.built.cloud.interfaces.keys()].filter(id => !interfaces.includes(id))
    for (const id of others) assert.ok(!flow.includes(id), id)
    const [ticket] = deployment.tracker.tickets()
    for (const line of stored) assert.ok(ticket?.markdown.includes(line.split(' ')[1] ?? ''), line)

    await deployment.operate({ verb: 'release', instance: brokenOut(deployment), by: 'ada' })
    await deployment.respond()
    assert.equal(bucket.objects.size, stored.length)
  } finally {
    adapters.close()
    await deployment.close()
  }
})

test('collecting stands behind the cut: no call of it comes before the last answer that was part of the cut', {
  timeout,
}, async () => {
  const deployment = await startBreakout()
  try {
    await playToFinding(deployment)
    const from = performance.now()
    await deployment.respond()
    const calls = deployment.sandbox.calls.filter(({ startedAt }) => startedAt >= from)
    const cutting = ['ModifyNetworkInterfaceAttribute', 'CreateNetworkAclEntry']
    const cut = Math.max(...calls.filter(({ action }) => cutting.includes(action)).map(({ endedAt }) => endedAt))
    const collecting = calls.filter(
      ({ service, action }) => ['s3', 'logs'].includes(service) || /^GetConsole/.test(action),
    )
    assert.ok(collecting.length > 13)
    for (const { startedAt, action } of collecting) assert.ok(startedAt >= cut, action)
  } finally {
    await deployment.close()
  }
})

test('a drill without the step says that no evidence was collected', { timeout }, async () => {
  const deployment = await startBreakout({ without: ['collect'] })
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    await playToFinding(deployment)
    await deployment.respond()
    await playToProof(deployment)
    const { outcome } = await observe(deployment, adapters.ledger, undefined)
    const [missed, ...more] = shortcomings(outcome, breakout.expect)
    assert.match(missed ?? '', /^no evidence was collected/)
    assert.deepEqual(more, [])
  } finally {
    adapters.close()
    await deployment.close()
  }
})
