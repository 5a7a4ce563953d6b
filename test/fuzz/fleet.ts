import { collecting, type Delivery } from '../../functions/core/delivery.ts'
import type { Finding } from '../../functions/core/finding.ts'
import type { Alert, Flow, NameSeen } from '../../functions/core/flow.ts'
import {
  type AclRow,
  type AddressRow,
  type InstanceRow,
  type InterfaceRow,
  inventoryKeys,
} from '../../functions/core/inventory.ts'
import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import type { DeadLetter, Ledger } from '../../functions/core/ports.ts'
import { RuleSettings } from '../../functions/core/rule-settings.ts'
import { score } from '../../functions/core/score.ts'
import { createWatch, type WatchPorts } from '../../functions/core/watch.ts'
import { rules } from '../../functions/rules/registry.ts'

/** A watch with the real rules over an inventory in memory, for properties that hold from the records to the findings. */

export const ACCOUNT = '111122223333'
export const DAY = 86_400_000

/** Who held an interface and its address, from when to when; milliseconds. */
export interface Holding {
  readonly instance: string
  readonly interface: string
  readonly address: string
  readonly vpc: string
  readonly from: number
  readonly to?: number
}

export interface Records {
  readonly flows?: readonly Flow[]
  readonly names?: readonly NameSeen[]
  readonly alerts?: readonly Alert[]
}

export function deliveryOf({ flows = [], names = [], alerts = [] }: Records): Delivery {
  const { sink, delivery } = collecting('aws-vpc-flow', 'group stream')
  for (const one of flows) sink.flow(one)
  for (const one of names) sink.name(one)
  for (const one of alerts) sink.alert(one)
  return delivery()
}

async function putInventory(ledger: Ledger, holdings: readonly Holding[], now: number): Promise<void> {
  const where = (one: Holding) => ({ vpc: one.vpc, subnet: `subnet-${one.vpc}`, acl: `acl-${one.vpc}` })
  for (const [instance, held] of Map.groupBy(holdings, one => one.instance)) {
    const [first] = held
    if (!first) continue
    const row: InstanceRow = {
      instance,
      account: ACCOUNT,
      region: 'eu-central-1',
      vpc: first.vpc,
      launchedAt: Math.min(...held.map(({ from }) => from)),
      tags: { 'firebreak:scope': 'agent' },
      scopedAt: now,
      interfaces: held
        .filter(({ to }) => to === undefined)
        .map(one => {
          const { subnet, acl } = where(one)
          return { id: one.interface, subnet, acl, addresses: [one.address], publicAddresses: [] }
        }),
      seenAt: now,
    }
    await ledger.write(inventoryKeys.instance(instance), row, 'any')
  }
  const tenure = ({ instance, from, to }: Holding) => ({ instance, from, ...(to === undefined ? {} : { to }) })
  for (const [id, held] of Map.groupBy(holdings, one => one.interface)) {
    const tenures = held.map(one => ({ ...tenure(one), ...where(one), addresses: [one.address] }))
    await ledger.write(inventoryKeys.interface(id), { interface: id, tenures } satisfies InterfaceRow, 'any')
  }
  for (const [address, held] of Map.groupBy(holdings, one => one.address)) {
    const tenures = held.map(one => ({ ...tenure(one), vpc: one.vpc, interface: one.interface }))
    await ledger.write(inventoryKeys.address(address), { address, tenures } satisfies AddressRow, 'any')
  }
  for (const [vpc, held] of Map.groupBy(holdings, one => one.vpc)) {
    const acl = `acl-${vpc}`
    const interfaces = [...new Set(held.map(one => one.interface))]
    await ledger.write(inventoryKeys.acl(acl), { acl, interfaces } satisfies AclRow, 'any')
  }
  await ledger.write(inventoryKeys.scope, { inScope: 100, at: now }, 'any')
}

export interface FleetOptions {
  /** Firewall name → VPC. */
  readonly firewalls?: Readonly<Record<string, string>>
  /** The watch has run for long, so that it is known who else uses a peer. */
  readonly warm?: boolean
}

export async function watchFleet(
  holdings: readonly Holding[],
  now: number,
  { firewalls = {}, warm = false }: FleetOptions = {},
) {
  let time = now
  const clock = { now: () => time }
  const ledger = memoryLedger(clock)
  await putInventory(ledger, holdings, now)
  if (warm) await ledger.write({ partition: 'scope', sort: 'since' }, { at: now - DAY }, 'any')
  const sent: Finding[] = []
  const letters: DeadLetter[] = []
  const note = () => undefined
  const ports: WatchPorts = {
    clock,
    ledger,
    queue: {
      async send({ order }) {
        if (order.kind === 'finding') sent.push(order.finding)
      },
    },
    deadLetters: { put: async all => void letters.push(...all) },
    log: { info: note, warn: note, error: note },
    metrics: { count: note },
  }
  const settings = { firewalls, exemptInstances: [], dnsCovered: false, rules: RuleSettings.parse({}) }
  return {
    ledger,
    sent,
    letters,
    /** A function that has just started: it remembers nothing but the ledger. */
    start: () => createWatch(ports, settings, { rules, score }),
    at(moment: number) {
      time = Math.max(time, moment)
    },
    /** The strongest decision of each instance that something was found of. */
    decisions() {
      const strongest = new Map<string, Finding['decision']>()
      for (const { instance, decision } of sent)
        if (strongest.get(instance) !== 'isolate') strongest.set(instance, decision)
      return Object.fromEntries([...strongest].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    },
  }
}
