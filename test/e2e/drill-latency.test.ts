import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { deploy } from '../../functions/cli/drill/deployment.ts'
import { drill } from '../../functions/cli/drill/index.ts'
import { createPlayer } from '../../functions/cli/drill/play.ts'
import { callsToCut, tripsOf } from '../../functions/cli/drill/trips.ts'
import type { Call } from '../../functions/sandbox/calls.ts'
import { findingOf, PEER, sendFindings } from '../faults/findings.ts'
import { breakout, brokenOut, scaleBreakout, startBreakout, verified } from '../faults/stage.ts'

/**
 * Milliseconds. What may stand between two calls that are made at once is a moment of this machine, however busy: it must be
 * less than a call takes, or they would count as one after the other.
 */
const LATENCY = 200

/** The calls of respond from the finding to its end, its instance autoscaled and load-balanced. */
async function playedToCut() {
  const deployment = await deploy(breakout)
  try {
    scaleBreakout(deployment)
    const player = createPlayer(deployment, { say() {}, changed: async () => {} }, LATENCY)
    await player.advance(deployment.network.live + breakout.live, player.cut)
    const [trips] = player.trips
    assert.ok(trips)
    return { trips, calls: deployment.sandbox.calls.filter(({ by }) => by === 'respond' || by === 'revoke') }
  } finally {
    await deployment.close()
  }
}

/** What may be on its way when the cut is answered: what it rests on, itself, and what keeps the evidence. */
const BESIDE_THE_CUT = [
  /^ec2 Describe(?:Instances|InstanceAttribute|NetworkInterfaces|NetworkAcls)$/,
  /^ec2 (?:ModifyNetworkInterfaceAttribute|CreateNetworkAclEntry|CreateSnapshots|ModifyInstanceAttribute)$/,
  /^dynamodb (?:BatchGetItem|GetItem|PutItem)$/,
  /^autoscaling /,
]

function begunBeforeTheCut(calls: readonly Call[]): string[] {
  const last = Math.max(...callsToCut(calls).map(({ endedAt }) => endedAt))
  const begun = calls.filter(({ startedAt, service }) => startedAt < last && service !== 'sqs')
  return [...new Set(begun.map(({ service, action }) => `${service} ${action}`))]
}

test('the cut stands three sequential round trips from the finding, and nothing that only collects begins before it', {
  timeout: 60_000,
}, async () => {
  const { trips, calls } = await playedToCut()
  assert.ok(trips.sequential <= 3, JSON.stringify(trips))
  const begun = begunBeforeTheCut(calls)
  assert.deepEqual(
    begun.filter(call => !BESIDE_THE_CUT.some(one => one.test(call))),
    [],
  )
  for (const call of ['ec2 CreateSnapshots', 'ec2 ModifyInstanceAttribute']) assert.ok(begun.includes(call), call)
  const later = new Set(calls.map(({ service, action }) => `${service} ${action}`)).difference(new Set(begun))
  for (const call of ['ec2 LockSnapshot', 'lambda Invoke', 'elasticloadbalancing DescribeTargetGroups'])
    assert.ok(later.has(call), `${call} was never made`)
})

test('a cut of fifteen interfaces and seventeen peers takes as few round trips: no call waits for a connection', {
  timeout: 60_000,
}, async () => {
  const deployment = await startBreakout()
  const { sandbox, built } = deployment
  try {
    const { interfaces } = built.cloud
    const instance = brokenOut(deployment)
    const second = [...interfaces.values()].find(one => one.instance === instance && one.deviceIndex === 1)
    assert.ok(second)
    for (let deviceIndex = 2; deviceIndex < 15; deviceIndex++) {
      const id = `eni-0${deviceIndex}`
      interfaces.set(id, {
        ...second,
        id,
        attachment: `eni-attach-0${deviceIndex}`,
        deviceIndex,
        address: `10.20.2.${100 + deviceIndex}`,
      })
    }
    await verified(deployment)
    const peers = Array.from({ length: 17 }, (_, index) => ({ ...PEER, address: `198.51.100.${index + 1}` }))
    await sendFindings(deployment, [findingOf(deployment, instance, { peers })])
    // So many requests take this machine some time to make. What comes after them is another matter.
    let isSlow = true
    sandbox.onAnswer(async ({ by, action }) => {
      if (isSlow && by === 'respond') await sleep(5 * LATENCY)
      isSlow &&= action !== 'CreateSnapshots'
    })
    const before = sandbox.calls.length
    const from = performance.now()
    await deployment.respond()
    const calls = sandbox.calls.slice(before).filter(({ service }) => service !== 'sqs')
    const trips = tripsOf(calls, from, undefined)
    const made = (action: string) => calls.filter(one => one.action === action).length
    assert.equal(made('ModifyNetworkInterfaceAttribute'), 15)
    assert.equal(made('CreateNetworkAclEntry'), 2 * peers.length)
    assert.equal(trips?.sequential, 3)
  } finally {
    await deployment.close()
  }
})

test('firebreak drill --latency tells the times of all steps and of the cut alone, of as many round trips', {
  timeout: 120_000,
}, async () => {
  let out = ''
  const told = {
    out(text: string) {
      out += text
    },
    err() {},
    live: false,
  }
  const path = new URL('../faults/breakout.json', import.meta.url).pathname
  assert.ok(await drill(path, { without: [], out: '/tmp', latency: LATENCY, json: true }, told), out)
  const { latency } = JSON.parse(out)
  const { callMs, all, cutAlone } = latency
  assert.equal(callMs, LATENCY)
  assert.deepEqual([all.sequential, all.roundTrips, all.ledgerTrips], [cutAlone.sequential, 2, 2])
  for (const { sequential, cutMs, snapshotMs, ticketMs } of [all, cutAlone]) {
    assert.ok(sequential <= 3)
    assert.ok(cutMs >= sequential * LATENCY, 'each round trip took its time')
    // Asked for with the cut, the ticket told after it.
    assert.ok(snapshotMs < cutMs && cutMs < ticketMs, JSON.stringify(latency))
  }
})
