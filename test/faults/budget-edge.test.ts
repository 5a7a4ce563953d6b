import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import type { Finding } from '../../functions/core/finding.ts'
import { findingOf, PEER, sendFindings } from './findings.ts'
import { assertCut, consume, groupsIn, instancesOf, ledgerOf, startFleet } from './fleet.ts'

const ALLOWED = 6
const RESERVE = 3
const BEYOND = 5

/** What a guess at a shape gives: enough for a cut, and no identity. */
const guessed = (finding: Finding): Finding => ({
  ...finding,
  signals: finding.signals.map(signal => ({ ...signal, family: 'shape' })),
})

async function played(use: (deployment: Deployment, instances: readonly string[]) => Promise<void>): Promise<void> {
  const reserve = { cutsPerHour: RESERVE, percentOfScope: 100 }
  const budget = { cutsPerHour: ALLOWED, percentOfScope: 100, reserve }
  const deployment = await startFleet(ALLOWED + BEYOND + RESERVE + 1, { policy: { mode: 'enforce', budget } })
  try {
    await use(deployment, instancesOf(deployment))
  } finally {
    await deployment.close()
  }
}

/** The instances whose incidents have that verdict. */
async function judged(deployment: Deployment, verdict: string): Promise<string[]> {
  const { incidents } = await ledgerOf(deployment)
  return incidents.filter(one => one.verdict === verdict).map(({ instance }) => instance)
}

test('of more cuts at once than the budget allows, just as many are made as it has places, and the others wait for a person', async () => {
  await played(async (deployment, instances) => {
    const original = groupsIn(deployment)
    const asked = instances.slice(0, ALLOWED + BEYOND)
    await sendFindings(
      deployment,
      asked.map(instance => guessed(findingOf(deployment, instance))),
    )
    await consume(deployment, asked.length)
    const cut = await judged(deployment, 'isolate')
    const waiting = await judged(deployment, 'approval')
    assert.deepEqual([cut.length, waiting.length], [ALLOWED, BEYOND])
    await assertCut(deployment, cut, original, { peers: [PEER.address] })
    const { incidents, leases, places } = await ledgerOf(deployment)
    assert.equal(places.length, ALLOWED)
    assert.deepEqual(
      leases.map(lease => lease.incidents.length),
      [ALLOWED],
    )
    assert.equal(deployment.tracker.tickets().length, asked.length)
    for (const { cut: state, restorePoint, verdict } of incidents)
      if (verdict === 'approval') assert.deepEqual([state.state, restorePoint], ['none', undefined])

    // A person's approval needs no place.
    await Promise.all(waiting.map(instance => deployment.operate({ verb: 'approve', instance, by: 'ada' })))
    await consume(deployment, waiting.length)
    await assertCut(deployment, asked, original, { peers: [PEER.address] })
    assert.equal((await ledgerOf(deployment)).places.length, ALLOWED)
  })
})

test('guesses at once use up no place of the reserve, and identities at once no more than there are', async () => {
  await played(async (deployment, instances) => {
    const guesses = instances.slice(0, ALLOWED + BEYOND)
    const known = instances.slice(ALLOWED + BEYOND)
    assert.equal(known.length, RESERVE + 1)
    await sendFindings(deployment, [
      ...guesses.map(instance => guessed(findingOf(deployment, instance))),
      ...known.map(instance => findingOf(deployment, instance)),
    ])
    await consume(deployment, instances.length)
    const { places } = await ledgerOf(deployment)
    assert.equal(places.filter(({ reserve }) => reserve).length, RESERVE)
    assert.equal(places.filter(({ reserve }) => !reserve).length, ALLOWED)
    const cut = await judged(deployment, 'isolate')
    assert.equal(cut.length, ALLOWED + RESERVE)
    assert.ok(known.filter(instance => cut.includes(instance)).length >= RESERVE)
  })
})
