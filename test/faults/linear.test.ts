import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findingOf, sendFindings } from './findings.ts'
import { consumeInThread, instancesOf, ledgerOf, startFleet } from './fleet.ts'

const SIZES = [10, 30]
/** No more than the fewest instances, so that as many meet at a shared row in each of the runs. */
const CONSUMERS = 10

/** What respond asks for so many instances, whose incidents share an ACL, its leases and the budget. */
async function countedFor(instances: number): Promise<{ cloud: number; ledger: number }> {
  const deployment = await startFleet(instances)
  try {
    const all = instancesOf(deployment)
    await sendFindings(
      deployment,
      all.map(instance => findingOf(deployment, instance)),
    )
    const before = deployment.sandbox.calls.length
    await consumeInThread(deployment, CONSUMERS)
    const { incidents } = await ledgerOf(deployment)
    assert.equal(incidents.filter(({ cut }) => cut.first !== undefined).length, instances)
    // How often an empty queue was looked at says nothing.
    const calls = deployment.sandbox.calls.slice(before).filter(({ by, service }) => by && service !== 'sqs')
    const ledger = calls.filter(({ by, service }) => by === 'respond' && service === 'dynamodb').length
    return { cloud: calls.filter(({ service }) => service !== 'dynamodb').length, ledger }
  } finally {
    await deployment.close()
  }
}

test('the calls that a cut costs do not grow with the number of instances that are cut at once', {
  timeout: 300_000,
}, async t => {
  const counted: { size: number; cloud: number; ledger: number }[] = []
  for (const size of SIZES) counted.push({ size, ...(await countedFor(size)) })
  t.diagnostic(counted.map(({ size, cloud, ledger }) => `${size}: ${cloud} cloud, ${ledger} ledger`).join('; '))
  const [least, ...larger] = counted
  assert.ok(least)
  for (const { size, cloud, ledger } of larger) {
    // Who meets whom at a shared row is chance, and each lost race costs two calls more. Calls that grew with the square of
    // the instances would be three times as many for thirty.
    assert.ok(cloud / size <= 1.4 * (least.cloud / least.size), `${cloud} cloud calls for ${size} instances`)
    assert.ok(ledger / size <= 1.4 * (least.ledger / least.size), `${ledger} ledger calls for ${size} instances`)
  }
})
