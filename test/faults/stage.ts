import assert from 'node:assert/strict'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import { observe } from '../../functions/cli/drill/observe.ts'
import { shortcomings } from '../../functions/cli/drill/outcome.ts'
import { Budget, budgetKey } from '../../functions/core/budget.ts'
import { brokenAt, readJournal } from '../../functions/core/journal.ts'
import { Leases, leaseKey } from '../../functions/core/leases.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import type { AutoScalingGroup } from '../../functions/sandbox/cloud.ts'
import { addAutoScalingGroup } from '../../functions/sandbox/fixture.ts'
import { readScenario } from '../../functions/sandbox/scenario/scenario.ts'

const MINUTE = 60_000

export const breakout = readScenario(new URL('breakout.json', import.meta.url))

/** Firebreak deployed into the small breakout. Servers answer at once: nothing here is about latency. */
export function deployBreakout({ without = [] }: { without?: readonly string[] } = {}): Promise<Deployment> {
  return deploy(breakout, {
    without,
    latencies: {
      ec2: 0,
      dynamodb: 0,
      sqs: 0,
      iam: 0,
      lambda: 0,
      autoscaling: 0,
      elasticloadbalancing: 0,
      logs: 0,
      s3: 0,
    },
    // One finding is to do all of it: both tunnels are left open and rare in the same minute, before anybody types.
    rules: { score: { alert: 70, isolate: 70 } },
  })
}

/** The same with its inventory kept. */
export async function startBreakout(options: { without?: readonly string[] } = {}): Promise<Deployment> {
  const deployment = await deployBreakout(options)
  await verified(deployment)
  return deployment
}

export async function verified(deployment: Deployment): Promise<void> {
  const { failures } = await deployment.verify()
  assert.deepEqual(failures, [])
}

/** What watch made of a subscription's payload. */
export async function watch(deployment: Deployment, payload: unknown) {
  const answer = await deployment.watch(payload)
  assert.ok('kind' in answer)
  return answer
}

/**
 * Plays until a delivery gave the finding, whose order then waits in the lane; or, where a rehearsal told the number of
 * that delivery, until it has come and not been delivered yet.
 */
export async function playToFinding(
  deployment: Deployment,
  stopBefore?: number,
): Promise<{ number: number; payload: unknown }> {
  let number = 0
  for await (const { payload } of deployment.network.run({ until: deployment.network.live + breakout.live })) {
    number += 1
    if (number === stopBefore) return { number, payload }
    const { findings } = await watch(deployment, payload)
    if (findings > 0) return { number, payload }
  }
  return assert.fail('the breakout was not found')
}

/** Lets the network go on until flow-log windows lie wholly after the cut, and verify prove it. */
export async function playToProof(deployment: Deployment): Promise<void> {
  const { clock, network } = deployment
  for await (const { payload } of network.run({ until: clock.now() + 3 * MINUTE })) await deployment.watch(payload)
  await deployment.respond()
  await verified(deployment)
  await deployment.respond()
}

export function brokenOut({ built }: Deployment): string {
  return built.members.find(({ name }) => name === breakout.expect.instance)?.instance ?? ''
}

/** The instance that broke out in an autoscaling group that checks it through a target group, and in one of its own. */
export function scaleBreakout(deployment: Deployment, more: Partial<AutoScalingGroup> = {}): void {
  const { cloud } = deployment.built
  const instance = brokenOut(deployment)
  const address = [...cloud.interfaces.values()].find(
    one => one.instance === instance && one.deviceIndex === 1,
  )?.address
  const arnOf = (name: string) =>
    `arn:aws:elasticloadbalancing:${cloud.region}:${cloud.account}:targetgroup/${name}/73e2d6bc24d8a067`
  const groups = [
    { arn: arnOf('web'), name: 'web', type: 'instance', targets: [{ id: instance, port: 80 }] },
    { arn: arnOf('metrics'), name: 'metrics', type: 'ip', targets: [{ id: address ?? '', port: 9100 }] },
  ] as const
  cloud.targetGroups = new Map(
    groups.map(one => [one.arn, { ...one, targets: [...one.targets], vpc: '', port: one.targets[0].port }]),
  )
  cloud.balancers = new Map([['old', { name: 'old', vpc: '', instances: [instance] }]])
  addAutoScalingGroup(cloud, 'agents', [instance], { targetGroups: [arnOf('web')], ...more })
}

/** Where the instance that broke out gets requests from, by target group and classic load balancer. */
export function registeredIn(deployment: Deployment): string[] {
  const { targetGroups, balancers } = deployment.built.cloud
  const instance = brokenOut(deployment)
  const addresses = [...deployment.built.cloud.interfaces.values()].filter(one => one.instance === instance)
  const names = new Set([instance, ...addresses.map(one => one.address)])
  return [
    ...[...(targetGroups?.values() ?? [])].flatMap(({ name, targets }) =>
      targets.some(({ id, drainsUntil }) => names.has(id) && drainsUntil === undefined) ? name : [],
    ),
    ...[...(balancers?.values() ?? [])].flatMap(({ name, instances }) => (instances.includes(instance) ? name : [])),
  ].toSorted()
}

/** How the autoscaling group holds the instance that broke out. */
export function lifecycleOf(deployment: Deployment): string | undefined {
  return deployment.built.cloud.autoscaling?.get('agents')?.members.get(brokenOut(deployment))?.lifecycle
}

/** The groups of each interface of the instance that broke out, as they stand now. */
export function groupsOf({ built }: Deployment): Record<string, readonly string[]> {
  const held = built.members.find(({ name }) => name === breakout.expect.instance)?.interfaces ?? []
  return Object.fromEntries(held.map(id => [id, built.cloud.interfaces.get(id)?.groups ?? []]))
}

/**
 * All that must be so in the end, by what the sandbox knows: no word of Firebreak's is taken for it. `mostEntries` stand for
 * a peer in one direction of its ACL.
 */
export async function assertContained(
  deployment: Deployment,
  original: ReturnType<typeof groupsOf>,
  run: string,
  mostEntries = 1,
): Promise<void> {
  const { built, environment, clock } = deployment
  const adapters = awsAdapters('operate', environment, clock)
  try {
    const { outcome, told } = await observe(deployment, adapters.ledger, undefined)
    assert.deepEqual(shortcomings(outcome, breakout.expect), [], run)
    assert.ok(told, run)
    const { incident } = told

    const restored = Object.fromEntries(incident.restorePoint?.interfaces.map(({ id, groups }) => [id, groups]) ?? [])
    assert.deepEqual(restored, original, `${run}: groups in the restore point`)
    const taken = [...built.cloud.snapshots.values()].map(({ volume }) => volume)
    assert.equal(new Set(taken).size, taken.length, `${run}: a volume was taken twice`)
    assert.equal(taken.length, breakout.expect.snapshots, run)

    const entries = [...built.cloud.acls.values()].flatMap(acl =>
      acl.entries
        .filter(({ allow, cidr }) => !allow && cidr.endsWith('/32'))
        .map(({ egress, number, cidr }) => ({
          peer: cidr.slice(0, -'/32'.length),
          egress,
          text: `${acl.id}/${egress ? 'egress' : 'ingress'}/${number}/${cidr}`,
        })),
    )
    for (const peer of breakout.expect.denied)
      for (const egress of [true, false]) {
        const standing = entries.filter(one => one.peer === peer && one.egress === egress)
        assert.ok(standing.length >= 1 && standing.length <= mostEntries, `${run}: ${JSON.stringify(entries)}`)
      }
    const rows = await adapters.ledger.list(leaseKey('').partition)
    const leased = rows.flatMap(({ value }) => Leases.parse(value).leases)
    assert.deepEqual(
      sorted(leased.map(one => JSON.stringify({ ...one, entries: sorted(one.entries) }))),
      sorted(
        breakout.expect.denied.map(peer => {
          const standing = sorted(entries.filter(one => one.peer === peer).map(({ text }) => text))
          return JSON.stringify({ peer, incidents: [incident.id], entries: standing })
        }),
      ),
      `${run}: leases`,
    )
    assert.deepEqual(cutsIn((await adapters.ledger.read(budgetKey))?.value), [incident.id], `${run}: budget`)
    assert.equal(brokenAt(await readJournal(adapters.ledger, incident.id)), undefined, `${run}: journal`)
    assert.equal(incident.claim, undefined, `${run}: claim`)
    assert.deepEqual(incident.pending, [], `${run}: journal lines`)
    const undone = Object.entries(incident.steps).filter(([, { status }]) => status !== 'done')
    assert.deepEqual(undone, [], `${run}: steps`)
    assert.equal(incident.findings.length, incident.findingIds.length, run)
  } finally {
    adapters.close()
  }
}

const sorted = (texts: readonly string[]) => texts.toSorted((a, b) => (a < b ? -1 : 1))

function cutsIn(value: unknown): unknown {
  return Budget.parse(value).cuts.map(({ incident }) => incident)
}
