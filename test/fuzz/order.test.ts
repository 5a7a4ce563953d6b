import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Alert, Flow, NameSeen } from '../../functions/core/flow.ts'
import { instanceKey, readRow } from '../../functions/core/instance-row.ts'
import { settle } from '../../functions/core/instance-state.ts'
import { instanceView } from '../../functions/core/instance-view.ts'
import { CASE_START, flowsOf, type RuleCase } from '../../functions/core/rule-case.ts'
import { RuleSettings } from '../../functions/core/rule-settings.ts'
import { score } from '../../functions/core/score.ts'
import { cases as dnsTunnel } from '../../functions/rules/dns-tunnel/cases.ts'
import { cases as internalProbing } from '../../functions/rules/internal-probing/cases.ts'
import { cases as miningPool } from '../../functions/rules/mining-pool/cases.ts'
import { rules } from '../../functions/rules/registry.ts'
import { cases as reverseTunnel } from '../../functions/rules/reverse-tunnel/cases.ts'
import { createRandom } from '../../functions/sandbox/scenario/random.ts'
import { ACCOUNT, DAY, deliveryOf, type Holding, watchFleet } from './fleet.ts'

/** What the rules' cases do, ordinary work and breakouts, each by an instance of its own. */
const behaviours = [...reverseTunnel, ...miningPool, ...internalProbing, ...dnsTunnel].filter(
  ({ did }) => did.settings === undefined && did.dnsCovered !== true,
)

const OURS = '10.20.1.5'
/** Records may come so much later than others that began at the same time; the window is 64 minutes. */
const LATENESS = 50 * 60
const END = CASE_START + 14 * 3600
const RUNS = 20
/** Nobody holds records back for longer until there are enough for a delivery. */
const LONGEST_WAIT = 600

type Item =
  | { readonly kind: 'flow'; readonly at: number; readonly record: Flow }
  | { readonly kind: 'name'; readonly at: number; readonly record: NameSeen }
  | { readonly kind: 'alert'; readonly at: number; readonly record: Alert }

/**
 * Each member talks to outsiders of its own. How rare a peer is depends on who else was seen to use it by then, so that the
 * order of the deliveries of others may count; here it must not.
 */
function outsideOf(address: string, index: number): string {
  const last = address.slice(address.lastIndexOf(address.includes(':') ? ':' : '.') + 1)
  return address.startsWith('203.0.113.') || address.startsWith('2001:db8::')
    ? `2001:db8:${index + 1}::${last}`
    : address
}

interface Member extends Holding {
  readonly items: readonly Item[]
}

function memberOf({ did }: RuleCase, index: number): Member {
  const address = `10.20.1.${index + 10}`
  const held = {
    instance: `i-${index}`,
    interface: `eni-${index}`,
    address,
    vpc: 'vpc-1',
    from: CASE_START * 1000 - DAY,
  }
  const flows = [...(did.flows ?? []), ...(did.connections ?? []).flatMap(flowsOf)].map(({ flow }): Item => {
    const own = (text: string) => (text === OURS ? address : outsideOf(text, index))
    const record = {
      ...flow,
      interface: held.interface,
      account: ACCOUNT,
      source: own(flow.source),
      destination: own(flow.destination),
    }
    return { kind: 'flow', at: flow.end, record }
  })
  const names = (did.names ?? []).map(({ name, via = 'dns', addresses, at = 0, port }): Item => {
    const time = CASE_START + at * 60
    const unknown = { clientPort: undefined, instance: undefined, firewall: undefined }
    return {
      kind: 'name',
      at: time,
      record: {
        via,
        name,
        addresses: addresses.map(one => outsideOf(one, index)),
        client: address,
        peerPort: port,
        vpc: held.vpc,
        time,
        ...unknown,
      },
    }
  })
  const alerts = (did.alerts ?? []).map((one): Item => {
    const record: Alert = {
      rule: 'a rule',
      sourcePort: 40_001,
      destinationPort: 443,
      protocol: 6,
      blocked: false,
      time: CASE_START,
      ...one,
      source: one.source === undefined || one.source === OURS ? address : outsideOf(one.source, index),
      destination: one.destination === OURS ? address : outsideOf(one.destination, index),
      instance: undefined,
      firewall: 'fw',
    }
    return { kind: 'alert', at: record.time, record }
  })
  return { ...held, items: [...flows, ...names, ...alerts] }
}

interface Play {
  /** Seconds by which a record is late, at most. */
  readonly lateness: number
  /** Of the records so many, of 100, come a second time. */
  readonly repeated: number
  /** Records in a delivery, at most; 0 for deliveries by the minute. */
  readonly batch: number
  readonly seed: number
}

/** Delivers all records, each after it was made. */
async function play(members: readonly Member[], { lateness, repeated, batch, seed }: Play) {
  const random = createRandom(String(seed))
  const late = () => Math.floor(random.next() * lateness)
  const arrivals = members
    .flatMap(({ items }) => items)
    .flatMap(item => (random.next() * 100 < repeated ? [item, item] : [item]))
    .map(item => ({ item, at: item.at + late() }))
    .toSorted((a, b) => a.at - b.at)
  const fleet = await watchFleet(members, CASE_START * 1000, { firewalls: { fw: 'vpc-1' }, warm: true })
  let watch = fleet.start()
  const deliver = async (items: readonly Item[], at: number) => {
    fleet.at(at * 1000)
    // Now and then the function is another one.
    if (random.next() < 0.1) watch = fleet.start()
    await watch(
      deliveryOf({
        flows: items.flatMap(item => (item.kind === 'flow' ? [item.record] : [])),
        names: items.flatMap(item => (item.kind === 'name' ? [item.record] : [])),
        alerts: items.flatMap(item => (item.kind === 'alert' ? [item.record] : [])),
      }),
    )
  }
  let waiting: Item[] = []
  let size = random.whole(1, Math.max(1, batch))
  let last = CASE_START
  let since = CASE_START
  for (const { item, at } of arrivals) {
    const full = batch === 0 ? Math.floor(at / 60) > Math.floor(last / 60) : waiting.length >= size
    if (full || at > since + LONGEST_WAIT) {
      await deliver(waiting, last + 60)
      waiting = []
      since = at
      size = random.whole(1, Math.max(1, batch))
    }
    waiting.push(item)
    last = Math.max(last, at)
  }
  await deliver(waiting, last + 60)
  return fleet
}

/** The judgement of all that came, once nothing is on its way any more. */
async function lastWord(fleet: Awaited<ReturnType<typeof play>>, instance: string) {
  const row = await fleet.ledger.read(instanceKey(instance))
  if (!row) return undefined
  const { state } = readRow(row.value)
  settle(state, END)
  const settings = RuleSettings.parse({})
  const view = instanceView(state, {
    now: END,
    instance,
    prevalence: () => 0.01,
    scopeSize: 100,
    covered: { dns: false },
    settings,
  })
  return score(
    rules.flatMap(rule => rule.judge(view)),
    settings,
  )
}

const members = behaviours.map(memberOf)
const ALL = members.map((_, index) => index)

const plays = fc.record({
  lateness: fc.constantFrom(0, 60, 600, LATENESS),
  repeated: fc.constantFrom(0, 30, 100),
  batch: fc.constantFrom(0, 1, 7, 60, 1000),
  seed: fc.nat(),
})

test('batches, order within the lateness window and repeats change no decision', async () => {
  const plain = await play(members, { lateness: 0, repeated: 0, batch: 0, seed: 1 })
  const cut = plain.decisions()
  const words = await Promise.all(members.map(({ instance }) => lastWord(plain, instance)))
  assert.ok(words.some(word => word?.decision === 'isolate') && words.some(word => word?.decision === undefined))
  const some = fc.subarray(ALL, { minLength: 6, maxLength: 9 })
  await fc.assert(
    fc.asyncProperty(plays, some, async (how, chosen) => {
      const playing = chosen.flatMap(index => members[index] ?? [])
      const fleet = await play(playing, how)
      const decisions = fleet.decisions()
      assert.deepEqual(fleet.letters, [])
      for (const index of chosen) {
        const id = `i-${index}`
        const name = behaviours[index]?.name
        assert.deepEqual(await lastWord(fleet, id), words[index], `the last word on: ${name}`)
        // On its way there a half of the records may look like more and be told as an alert, never be cut for.
        assert.equal(decisions[id] === 'isolate', cut[id] === 'isolate', `whether it is cut: ${name}`)
        if (cut[id] === 'alert') assert.equal(decisions[id], 'alert', `whether it is told: ${name}`)
      }
    }),
    { numRuns: RUNS, seed: 20_261_118 },
  )
})
