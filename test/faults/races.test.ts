import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import type { Order } from '../../functions/core/order.ts'
import { findingOf, PEER, sendFindings } from './findings.ts'
import { assertCut, consume, groupsIn, instancesOf, ledgerOf, startConsumer, startFleet } from './fleet.ts'

const Answer = z.object({ batchItemFailures: z.array(z.unknown()) })

/** A message that SQS has shown again while somebody still works on it: its lane holds nobody back any more. */
function deliveryOf({ lane }: Deployment, order: Order): unknown {
  const record = { messageId: 'again', receiptHandle: '', attributes: {}, messageAttributes: {}, md5OfBody: '' }
  const from = { eventSource: 'aws:sqs', eventSourceARN: lane.queueArn, awsRegion: lane.region }
  return { Records: [{ ...record, ...from, body: JSON.stringify(order) }] }
}

/** Gives each order to a function's instance of its own, all of them at once, until each is handled. */
async function deliverAtOnce(deployment: Deployment, orders: readonly Order[]): Promise<void> {
  await Promise.all(
    orders.map(async order => {
      const invoke = startConsumer(deployment)
      for (let tries = 1; ; tries++) {
        const { batchItemFailures } = Answer.parse(await invoke(deliveryOf(deployment, order)))
        if (batchItemFailures.length === 0) return
        assert.ok(tries < 60, `${order.kind} was refused again and again`)
        await sleep(50)
      }
    }),
  )
  await consume(deployment, 1)
}

async function played(
  settings: Readonly<Record<string, unknown>>,
  use: (deployment: Deployment, instance: string, original: ReturnType<typeof groupsIn>) => Promise<void>,
): Promise<void> {
  const deployment = await startFleet(3, settings)
  try {
    await use(deployment, instancesOf(deployment)[0] ?? '', groupsIn(deployment))
  } finally {
    await deployment.close()
  }
}

test('two approvals at once, by two people and in the hands of two functions, are one cut', async () => {
  await played({ policy: { mode: 'approve' } }, async (deployment, instance, original) => {
    await sendFindings(deployment, [findingOf(deployment, instance)])
    await consume(deployment, 1)
    await assertCut(deployment, [], original, { peers: [] })
    const [held] = (await ledgerOf(deployment)).incidents
    const approve = (by: string): Order => ({ kind: 'approve', instance, incident: held?.id ?? '', by })
    await deliverAtOnce(deployment, [approve('ada'), approve('grace'), approve('ada')])
    await assertCut(deployment, [instance], original, { peers: [PEER.address] })
    const { incidents } = await ledgerOf(deployment)
    assert.equal(incidents.length, 1)
    assert.match(incidents[0]?.approvedBy ?? '', /^(?:ada|grace)$/)
    assert.equal(deployment.tracker.tickets().length, 1)
  })
})

test('two people who approve at once send both an order, and the instance is cut once', async () => {
  await played({ policy: { mode: 'approve' } }, async (deployment, instance, original) => {
    await sendFindings(deployment, [findingOf(deployment, instance)])
    await consume(deployment, 1)
    await Promise.all(['ada', 'grace'].map(by => deployment.operate({ verb: 'approve', instance, by })))
    await consume(deployment, 2)
    await assertCut(deployment, [instance], original, { peers: [PEER.address] })
  })
})

/** Peers of findings that come while the instance is released. */
const LATER = [10, 11, 12].map(host => ({ ...PEER, address: `203.0.113.${host}` }))

test('findings that race a release are joined before it or refused after it: nothing of the cut is left behind', async () => {
  for (const inLane of [true, false])
    await played({}, async (deployment, instance, original) => {
      await sendFindings(deployment, [findingOf(deployment, instance)])
      await consume(deployment, 1)
      await assertCut(deployment, [instance], original, { peers: [PEER.address] })
      const findings = LATER.map((peer, turn) => findingOf(deployment, instance, { seed: `${turn}`, peers: [peer] }))
      const [held] = (await ledgerOf(deployment)).incidents
      if (inLane) {
        const sent = [sendFindings(deployment, findings), deployment.operate({ verb: 'release', instance, by: 'ada' })]
        await Promise.all(sent)
        await consume(deployment, 4)
      } else
        await deliverAtOnce(deployment, [
          ...findings.slice(0, 2).map((finding): Order => ({ kind: 'finding', finding })),
          { kind: 'release', instance, incident: held?.id ?? '', by: 'ada' },
          ...findings.slice(2).map((finding): Order => ({ kind: 'finding', finding })),
        ])
      // Their records are from before the release, so that none of them cuts again.
      await assertCut(deployment, [], original, { peers: [], taken: [instance] })
      const { incidents, places } = await ledgerOf(deployment)
      assert.deepEqual(places, [])
      assert.deepEqual(
        incidents.map(({ id, cut }) => [id, cut.state]),
        [[held?.id, 'restored']],
      )
    })
})

test('a finding that rests on what passed after the release cuts anew, and from the original state', async () => {
  await played({}, async (deployment, instance, original) => {
    await sendFindings(deployment, [findingOf(deployment, instance)])
    await consume(deployment, 1)
    await deployment.operate({ verb: 'release', instance, by: 'ada' })
    await consume(deployment, 1)
    deployment.clock.advance(60_000)
    const again = findingOf(deployment, instance, { seed: 'again' })
    await deliverAtOnce(deployment, [
      { kind: 'finding', finding: again },
      { kind: 'finding', finding: again },
    ])
    const { incidents } = await ledgerOf(deployment)
    assert.equal(incidents.length, 1)
    const [incident] = incidents
    for (const { id, groups } of incident?.restorePoint?.interfaces ?? []) assert.deepEqual(groups, original.get(id))
    assert.equal(deployment.built.cloud.snapshots.size, 4)
  })
})
