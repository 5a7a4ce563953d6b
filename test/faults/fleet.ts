import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import { Budget, budgetKey } from '../../functions/core/budget.ts'
import { type Incidents, listIncidents } from '../../functions/core/incident-store.ts'
import { brokenAt, readJournal } from '../../functions/core/journal.ts'
import { Leases, leaseKey } from '../../functions/core/leases.ts'
import { recordCoverage } from '../../functions/core/log-coverage.ts'
import { rowCache } from '../../functions/core/row-cache.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { createRespond } from '../../functions/entry/aws/respond.ts'
import { drainQueue, invocationOf } from '../../functions/sandbox/lambda.ts'
import { readScenario } from '../../functions/sandbox/scenario/scenario.ts'
import type { Consuming } from './consumers.worker.ts'
import { verified } from './stage.ts'

const HOUR = 3_600_000

const fleet = readScenario(new URL('fleet.json', import.meta.url))

/** A fleet of so many instances, all of its neighbours' traffic of the last day known: nobody used anything. */
export async function startFleet(count: number, settings: Readonly<Record<string, unknown>> = {}): Promise<Deployment> {
  const deployment = await deploy(
    { ...fleet, instances: fleet.instances.map(one => ({ ...one, count })) },
    {
      latencies: {
        ...{ ec2: 0, dynamodb: 0, sqs: 0, iam: 0, lambda: 0 },
        ...{ autoscaling: 0, elasticloadbalancing: 0, route53resolver: 0, logs: 0, s3: 0 },
      },
      // What is collected of one instance concerns no other, and is most of the calls.
      without: ['collect'],
      settings: { policy: { mode: 'enforce', budget: PLENTY }, ...settings },
    },
  )
  await verified(deployment)
  const { built, clock } = deployment
  const adapters = awsAdapters('watch', deployment.environmentOf('watch'), clock)
  const now = clock.now()
  const { interfaces, subnets } = built.cloud
  const spans = [...interfaces.values()].map(one => {
    const acl = subnets.get(one.subnet)?.acl ?? ''
    return { acl, interface: one.id, start: now - 25 * HOUR, end: now, skipped: false }
  })
  try {
    await recordCoverage(rowCache(adapters.ledger, 64, undefined), spans)
  } finally {
    adapters.close()
  }
  return deployment
}

const PLENTY = { cutsPerHour: 1000, percentOfScope: 100, reserve: { cutsPerHour: 0, percentOfScope: 0 } }

export function instancesOf({ built }: Deployment): string[] {
  return built.members.map(({ instance }) => instance)
}

/** Milliseconds. Twenty instances of Lambda have a processor each; here all of them share one, with all servers. */
const PATIENCE = 600_000

/** A function's instance as Lambda starts it: a composition of its own, which shares nothing with another. */
export function startConsumer({ environmentOf, clock }: Deployment): (event: unknown) => Promise<unknown> {
  const respond = createRespond(environmentOf('respond'), {
    clock,
    steps: steps => steps.filter(({ id }) => id !== 'collect'),
  })
  return event => respond(event, invocationOf('firebreak-respond', PATIENCE))
}

/** Lets so many consumers work at once until the lanes are empty. */
export async function consume(deployment: Deployment, consumers: number): Promise<void> {
  const { sandbox, lane } = deployment
  await Promise.all(
    Array.from({ length: consumers }, async () => {
      const invoke = startConsumer(deployment)
      while ((await sandbox.queueLength(lane.queueUrl)) > 0) {
        await drainQueue(lane, invoke)
        // What is left is in somebody's hands.
        await sleep(50)
      }
    }),
  )
}

/** The same for many messages: in a thread of their own, so that the servers have the other processor. */
export async function consumeInThread(deployment: Deployment, consumers: number): Promise<void> {
  const { sandbox, lane, clock, environmentOf } = deployment
  const worker = new Worker(new URL('consumers.worker.ts', import.meta.url))
  const ended = once(worker, 'exit')
  const consuming: Consuming = { environment: environmentOf('respond'), lane, now: clock.now(), consumers }
  worker.postMessage(consuming)
  let isOver = false
  void ended.finally(() => {
    isOver = true
  })
  while (!isOver && (await sandbox.queueLength(lane.queueUrl)) > 0) await sleep(20)
  worker.postMessage('over')
  await ended
}

/** The groups of every interface, by its id. */
export function groupsIn({ built }: Deployment): Map<string, readonly string[]> {
  return new Map([...built.cloud.interfaces.values()].map(({ id, groups }) => [id, [...groups]]))
}

/** What denies a single address, as `peer egress` or `peer ingress`, in any ACL. */
export function denialsIn({ built }: Deployment): string[] {
  const entries = [...built.cloud.acls.values()].flatMap(acl => acl.entries)
  return entries
    .filter(({ allow, cidr }) => !allow && cidr.endsWith('/32'))
    .map(({ cidr, egress }) => `${cidr.slice(0, -'/32'.length)} ${egress ? 'egress' : 'ingress'}`)
}

export interface Known {
  readonly incidents: Incidents['held'][number]['incident'][]
  readonly leases: Leases['leases']
  /** Incidents that hold an open place of the budget. */
  readonly places: Budget['cuts']
}

/** What stands in the ledger, every journal's chain intact. */
export async function ledgerOf({ environment, clock }: Deployment): Promise<Known> {
  const { ledger, close } = awsAdapters('operate', environment, clock)
  try {
    const { held, unreadable } = await listIncidents(ledger)
    assert.deepEqual(unreadable, [])
    for (const { incident } of held) {
      assert.equal(brokenAt(await readJournal(ledger, incident.id)), undefined, `journal of ${incident.id}`)
      assert.equal(incident.claim, undefined, `claim of ${incident.id}`)
      assert.deepEqual(incident.pending, [], `journal lines of ${incident.id}`)
    }
    const rows = await ledger.list(leaseKey('').partition)
    const budget = await ledger.read(budgetKey)
    return {
      incidents: held.map(({ incident }) => incident),
      leases: rows.flatMap(({ value }) => Leases.parse(value).leases),
      places: budget ? Budget.parse(budget.value).cuts.filter(({ open }) => open) : [],
    }
  } finally {
    close()
  }
}

/**
 * By what the sandbox knows: these instances are cut, each of their disks taken once and each told of in one ticket, and the
 * others are as they were. An entry that denies a peer may stand twice in a direction: two that claim the same number at once
 * look and try the next one at the same time.
 */
export async function assertCut(
  deployment: Deployment,
  cut: readonly string[],
  original: ReturnType<typeof groupsIn>,
  { peers, taken = cut }: { readonly peers: readonly string[]; readonly taken?: readonly string[] },
): Promise<void> {
  const { cloud } = deployment.built
  const { incidents, leases } = await ledgerOf(deployment)
  for (const one of cloud.interfaces.values()) {
    const incident = incidents.find(({ instance }) => instance === one.instance)
    if (cut.includes(one.instance ?? '')) {
      assert.deepEqual(one.groups, [incident?.quarantine], `groups of ${one.id}`)
      const restored = incident?.restorePoint?.interfaces.find(({ id }) => id === one.id)?.groups
      assert.deepEqual(restored, original.get(one.id), `restore point of ${one.id}`)
    } else assert.deepEqual(one.groups, original.get(one.id), `groups of ${one.id}, which is not to be cut`)
  }
  const volumes = [...cloud.volumes.values()].filter(({ instance }) => taken.includes(instance ?? ''))
  const snapshots = [...cloud.snapshots.values()].map(({ volume }) => volume)
  assert.deepEqual(snapshots.toSorted(), volumes.map(({ id }) => id).toSorted(), 'disks taken')
  const tickets = deployment.tracker.tickets().map(({ key }) => key)
  assert.equal(new Set(tickets).size, tickets.length)

  const standing = Map.groupBy(denialsIn(deployment), text => text)
  const wanted = peers.flatMap(peer => [`${peer} egress`, `${peer} ingress`])
  assert.deepEqual([...standing.keys()].toSorted(), wanted.toSorted(), 'denied')
  for (const [text, of] of standing) assert.ok(of.length <= 2, `${text} is denied ${of.length} times`)
  assert.deepEqual(leases.map(({ peer }) => peer).toSorted(), peers.toSorted(), 'leases')
  const open = new Set(incidents.filter(({ closedAt }) => closedAt === undefined).map(({ id }) => id))
  for (const { incidents: holders } of leases) for (const id of holders) assert.ok(open.has(id), `lease of ${id}`)
}
