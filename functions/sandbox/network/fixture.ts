import assert from 'node:assert/strict'
import { gunzipSync } from 'node:zlib'
import * as z from 'zod'
import { createClock } from '../clock.ts'
import { buildCloud, type Member } from '../scenario/build.ts'
import { readScenario, type Scenario } from '../scenario/scenario.ts'
import type { Delivery } from './delivery.ts'
import { FLOW_LOG_FIELDS } from './flow-log.ts'
import { createNetwork } from './network.ts'

/** Reads payloads back by its own code, so that a mistake in writing them is not made twice. */

const Payload = z.strictObject({
  messageType: z.literal('DATA_MESSAGE'),
  owner: z.string(),
  logGroup: z.string(),
  logStream: z.string(),
  subscriptionFilters: z.array(z.string()),
  logEvents: z.array(z.strictObject({ id: z.string(), timestamp: z.number(), message: z.string() })),
})

export function unpack({ payload }: Delivery) {
  return Payload.parse(JSON.parse(gunzipSync(Buffer.from(payload.awslogs.data, 'base64')).toString('utf8')))
}

export type Read = Record<string, string>

export function recordsOf(deliveries: readonly Delivery[]): Read[] {
  const names = FLOW_LOG_FIELDS.split(' ')
  return deliveries
    .filter(({ kind }) => kind === 'flow')
    .flatMap(delivery => unpack(delivery).logEvents)
    .map(({ message }) => {
      const values = message.split(' ')
      assert.equal(values.length, names.length, message)
      return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']))
    })
}

export const MINUTE = 60_000

export function scenarioNamed(name: string, change: Partial<Scenario> = {}): Scenario {
  const read = readScenario(new URL(`../../../events/scenarios/${name}.json`, import.meta.url))
  return { ...read, history: 60 * MINUTE, ...change }
}

export function startNetwork(scenario: Scenario) {
  const built = buildCloud(scenario)
  const clock = createClock(scenario.start)
  const network = createNetwork({ scenario, built, clock })
  const { cloud } = built

  /** Lets the live phase run up to this minute and returns what arrived. */
  async function runTo(minute: number): Promise<Delivery[]> {
    const arrived: Delivery[] = []
    for await (const delivery of network.run({ until: network.live + minute * MINUTE })) arrived.push(delivery)
    return arrived
  }

  function member(name: string): Member {
    const found = built.members.find(one => one.name === name)
    assert.ok(found, name)
    return found
  }

  function announce(action: string, target: string): void {
    for (const changed of cloud.changed) changed({ action, target })
  }

  /** Every interface of a member into a group without rules. */
  function swapGroups(name: string): number {
    for (const id of member(name).interfaces) {
      const one = cloud.interfaces.get(id)
      assert.ok(one)
      const quarantine = `sg-quarantine-${one.vpc}`
      cloud.groups.set(quarantine, {
        id: quarantine,
        name: 'quarantine',
        description: '',
        vpc: one.vpc,
        ingress: [],
        egress: [],
        tags: {},
      })
      one.groups = [quarantine]
      announce('ModifyNetworkInterfaceAttribute', id)
    }
    return clock.now()
  }

  /** Both directions, in the ACL of the member's primary subnet. */
  function denyPeer(name: string, peer: string, number: number): number {
    const primary = cloud.interfaces.get(member(name).interfaces[0] ?? '')
    const acl = cloud.acls.get(cloud.subnets.get(primary?.subnet ?? '')?.acl ?? '')
    assert.ok(acl)
    for (const egress of [true, false])
      acl.entries.push({
        number,
        egress,
        allow: false,
        cidr: `${peer}/${peer.includes(':') ? 128 : 32}`,
        protocol: '-1',
      })
    announce('CreateNetworkAclEntry', acl.id)
    return clock.now()
  }

  return { built, cloud, clock, network, runTo, member, announce, swapGroups, denyPeer }
}
