import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Description } from '../../functions/core/description.ts'
import type { Flow } from '../../functions/core/flow.ts'
import { judge, Policy } from '../../functions/core/policy.ts'
import { CASE_START, flowsOf } from '../../functions/core/rule-case.ts'
import { tunnel } from '../../functions/rules/reverse-tunnel/figures.ts'
import { awsVpcFlow } from '../../functions/sources/aws-vpc-flow/index.ts'
import { batchOf, collecting } from '../../functions/sources/envelopes/sink-fixture.ts'
import { ACCOUNT, DAY, deliveryOf, type Holding, watchFleet } from './fleet.ts'

/** A tunnel that is cut for wherever it is attributed, and whom that must never be. */

const OURS = '10.20.1.5'
const START = CASE_START * 1000
const END = START + 3_600_000
const policy = Policy.parse({ mode: 'enforce' })

const holding = (over: Partial<Holding> = {}): Holding => ({
  instance: 'i-new',
  interface: 'eni-1',
  address: OURS,
  vpc: 'vpc-1',
  from: START - DAY,
  ...over,
})

const breakout = (over: Partial<Flow> = {}): Flow[] =>
  flowsOf(tunnel).map(({ flow }) => ({ ...flow, interface: 'eni-1', account: ACCOUNT, ...over }))

function description(instance: string, launchedAt: number, state: string): Description {
  return {
    ...{ instance, account: ACCOUNT, region: 'eu-central-1', vpc: 'vpc-1', state, launchedAt, spot: false },
    tags: { 'firebreak:scope': 'agent' },
    ...{ interfaces: [], volumes: [], acls: [], protection: {} },
  }
}

interface Told {
  readonly launchedAt?: number
  readonly state?: string
  readonly firewalls?: Readonly<Record<string, string>>
}

/** The instances that would be cut, from the records through the watch and respond's judgement. */
async function cutFor(
  holdings: readonly Holding[],
  flows: readonly Flow[],
  { launchedAt = START - DAY, state = 'running', firewalls = {} }: Told = {},
): Promise<string[]> {
  const fleet = await watchFleet(holdings, START, { firewalls, warm: true })
  fleet.at(END)
  await fleet.start()(deliveryOf({ flows }))
  const cut = fleet.sent.filter(
    finding =>
      judge(finding, description(finding.instance, launchedAt, state), undefined, policy, END).verdict === 'isolate',
  )
  return [...new Set(cut.map(({ instance }) => instance))]
}

test('the breakout is cut for where nothing is doubtful, so that what follows is not empty', async () => {
  assert.deepEqual(await cutFor([holding()], breakout()), ['i-new'])
})

test('an address and interface that changed hands: the records’ holder is cut, never the present one', async () => {
  const changed = [holding({ instance: 'i-old', to: START + 1_800_000 }), holding({ from: START + 1_800_000 })]
  assert.deepEqual(await cutFor(changed, breakout()), ['i-old'])
  const during = [holding({ instance: 'i-old', to: START - 1000 }), holding({ from: START + 3_000_000 })]
  assert.deepEqual(await cutFor(during, breakout()), [])
})

test('records older than the instance cut nobody, neither by the inventory nor by what the cloud says', async () => {
  assert.deepEqual(await cutFor([holding({ from: START + 3_000_000 })], breakout()), [])
  assert.deepEqual(await cutFor([holding()], breakout(), { launchedAt: END }), [])
})

test('late records of an instance that is gone cut nobody', async () => {
  for (const state of ['terminated', 'shutting-down'])
    assert.deepEqual(await cutFor([holding()], breakout(), { state }), [])
})

test('a record whose stream is not its interface’s is refused, and cuts nobody', async () => {
  const seen = collecting()
  const lines = breakout().map(
    one =>
      `2 ${ACCOUNT} eni-1 ${one.source} ${one.destination} ${one.sourcePort} ${one.destinationPort} 6 ${one.packets} ${one.bytes} ${one.start} ${one.end} ACCEPT OK`,
  )
  awsVpcFlow.open({})(batchOf(lines, { owner: ACCOUNT, stream: 'eni-2-all' }), seen.sink)
  assert.equal(seen.rejected.length, lines.length)
  assert.deepEqual(await cutFor([holding()], seen.flows), [])
})

test('one private address in two VPCs: a firewall’s record is of its own VPC’s holder', async () => {
  const twice = [holding(), holding({ instance: 'i-other', interface: 'eni-2', vpc: 'vpc-2' })]
  const byFirewall = (firewall: string) => breakout({ interface: undefined, firewall, direction: undefined })
  const firewalls = { one: 'vpc-1', two: 'vpc-2' }
  assert.deepEqual(await cutFor(twice, byFirewall('one'), { firewalls }), ['i-new'])
  assert.deepEqual(await cutFor(twice, byFirewall('two'), { firewalls }), ['i-other'])
})

test('records of an unknown firewall cut nobody, whatever it is called', async () => {
  for (const firewall of ['nowhere', '__proto__', 'constructor'])
    assert.deepEqual(
      await cutFor([holding()], breakout({ interface: undefined, firewall }), { firewalls: { one: 'vpc-1' } }),
      [],
    )
})

test('records of another account, and of addresses that the interface does not hold, cut nobody', async () => {
  assert.deepEqual(await cutFor([holding()], breakout({ account: '999988887777' })), [])
  const foreign = breakout({ direction: undefined }).map(one => ({
    ...one,
    source: one.source === OURS ? '10.20.9.9' : one.source,
    destination: one.destination === OURS ? '10.20.9.9' : one.destination,
  }))
  assert.deepEqual(await cutFor([holding()], foreign), [])
})

test('what a NAT forwards is the real end’s where the packet’s addresses name it: the gateway is not cut', async () => {
  const gateway = holding({ instance: 'i-nat', interface: 'eni-nat', address: '10.20.0.9' })
  const seen = collecting()
  const fields =
    'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status tcp-flags pkt-srcaddr pkt-dstaddr'
  const behind = (address: string) => (address === OURS ? '10.20.0.9' : address)
  const lines = breakout().map(
    one =>
      `3 ${ACCOUNT} eni-nat ${behind(one.source)} ${behind(one.destination)} ${one.sourcePort} ${one.destinationPort} 6 ${one.packets} ${one.bytes} ${one.start} ${one.end} ACCEPT OK ${one.flags ?? 0} ${one.source} ${one.destination}`,
  )
  awsVpcFlow.open({ fields })(batchOf(lines, { owner: ACCOUNT, stream: 'eni-nat-all' }), seen.sink)
  assert.equal(seen.flows.length, lines.length)
  assert.deepEqual(await cutFor([gateway, holding()], seen.flows), [])
})
