import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deploy } from '../../functions/cli/drill/deployment.ts'
import type { Finding } from '../../functions/core/finding.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { recordCoverage } from '../../functions/core/log-coverage.ts'
import { nameCoverage } from '../../functions/core/name-uses.ts'
import { rowCache } from '../../functions/core/row-cache.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { firewallOf, resolves } from '../../functions/sandbox/resolver/state.ts'
import { breakout, brokenOut, verified } from '../faults/stage.ts'

const HOUR = 3_600_000

test('a DNS tunnel is denied after the cut, its state says so while it is not, and a release takes all of it away', async () => {
  const latencies = { ec2: 0, dynamodb: 0, sqs: 0, iam: 0, lambda: 0, route53resolver: 0 }
  const deployment = await deploy(breakout, { dnsCovered: true, latencies })
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    await verified(deployment)
    const { cloud } = deployment.built
    const instance = brokenOut(deployment)
    const { vpc = '' } = [...cloud.interfaces.values()].find(one => one.instance === instance) ?? {}
    const now = deployment.clock.now()
    const signal = {
      family: 'shape',
      points: 80,
      own: true,
      first: now / 1000 - 60,
      last: now / 1000,
      detail: '',
    } as const
    const finding: Finding = {
      ...{ id: 'd'.repeat(64), at: now, decision: 'isolate', score: 120, account: cloud.account, region: cloud.region },
      ...{ instance, peers: [], exhibits: [], drill: false },
      signals: [{ ...signal, rule: 'dns-tunnel', name: 't.example.com' }],
    }
    const send = (id: string) =>
      adapters.queue.send({ lane: instance, id, order: { kind: 'finding', finding: { ...finding, id } } })
    const incidentNow = async () => (await loadIncident(adapters.ledger, instance))?.incident

    await send('d'.repeat(64))
    await deployment.respond()
    await verified(deployment)
    const open = await incidentNow()
    assert.ok(resolves(cloud, vpc, 'x.t.example.com'))
    assert.match(open?.cut.reasons.join() ?? '', /Names under t\.example\.com can still be asked for .*: No query logs/)

    // A day of the network's queries, none of them for the name.
    await recordCoverage(rowCache(adapters.ledger, 8, undefined), [nameCoverage(vpc, now - 25 * HOUR, now)])
    await deployment.operate({ verb: 'release', instance, by: 'A. Person' })
    await deployment.respond()
    deployment.clock.advance(60_000)
    const later = deployment.clock.now() / 1000
    Object.assign(finding, { signals: [{ ...signal, rule: 'dns-tunnel', name: 't.example.com', last: later }] })
    await send('e'.repeat(64))
    await deployment.respond()
    await verified(deployment)
    const denied = await incidentNow()
    assert.equal(denied?.steps['deny-names']?.status, 'done')
    assert.ok(!resolves(cloud, vpc, 'x.t.example.com'))
    assert.doesNotMatch(denied?.cut.reasons.join() ?? '', /Names under/)

    await deployment.operate({ verb: 'release', instance, by: 'A. Person' })
    await deployment.respond()
    assert.ok((await incidentNow())?.closedAt !== undefined)
    const { groups, lists, associations } = firewallOf(cloud)
    assert.deepEqual([groups.size, lists.size, associations.size], [0, 0, 0])
  } finally {
    adapters.close()
    await deployment.close()
  }
})
