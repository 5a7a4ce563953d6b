import { collecting } from '../functions/core/delivery.ts'
import { instanceKey } from '../functions/core/instance-row.ts'
import { inventoryKeys } from '../functions/core/inventory.ts'
import { memoryLedger } from '../functions/core/memory-ledger.ts'
import type { Ledger } from '../functions/core/ports.ts'
import { RuleSettings } from '../functions/core/rule-settings.ts'
import { score } from '../functions/core/score.ts'
import { createWatch } from '../functions/core/watch.ts'
import { rules } from '../functions/rules/registry.ts'
import { sources } from '../functions/sources/registry.ts'
import { ACCOUNT, addressOf, instanceOf, interfaceOf, type Sighting, trafficOf, VPC } from './logs/fleet.ts'
import { V2, v2 } from './logs/flow-text.ts'
import { UNIT_BYTES } from './prices.ts'

/** What one delivery holds: an object in S3 the whole flow log's records, a log event's batch those of one interface. */
export type Route = 's3' | 'subscription'

export interface LedgerLoad {
  readonly route: Route
  readonly records: number
  readonly deliveries: number
  readonly writes: number
  readonly units: number
  /** Those of rows that are no instance's own. */
  readonly sharedUnits: number
  /** Times that the watch waited for the ledger; calls that are out at the same time are one. */
  readonly waits: number
  /** Processor time of decoding and judging. */
  readonly seconds: number
}

/** Both CloudWatch Logs and S3 get a flow log's records about every five minutes (Amazon VPC User Guide, "Flow logs basics"). */
export const MINUTES_APART = 5
/** Windows of so many minutes. In the first ones the fleet's common peers are learned, which is paid for once. */
const WARM = 4
const COUNTED = 4

/** Runs the watch itself over a fleet's flow log and counts what it asks of the ledger once it knows the fleet. */
export async function ledgerLoad(route: Route, instances: number, seed: number): Promise<LedgerLoad> {
  let now = 0
  const clock = { now: () => now }
  const inner = memoryLedger(clock)
  let counts = nothing()
  const states = new Set(Array.from({ length: instances }, (_, one) => instanceKey(instanceOf(one)).partition))
  let due: (() => void)[] = []
  function answerAll(): void {
    counts.waits++
    const asked = due
    due = []
    for (const answer of asked) answer()
  }
  /** Each answer takes equally long: what was asked meanwhile is answered together. */
  async function answered<T>(call: () => Promise<T>): Promise<T> {
    await new Promise<void>(resolve => {
      if (due.push(resolve) === 1) setImmediate(answerAll)
    })
    return call()
  }
  const ledger: Ledger = {
    read: key => answered(() => inner.read(key)),
    list: (partition, prefix) => answered(() => inner.list(partition, prefix)),
    remove: (key, expect) => answered(() => inner.remove(key, expect)),
    async write(key, value, expect, expires) {
      const row = await answered(() => inner.write(key, value, expect, expires))
      if (!row) return undefined
      counts.writes++
      const units = Math.ceil(bytesOf(value) / UNIT_BYTES)
      counts.units += units
      if (!states.has(key.partition)) counts.sharedUnits += units
      return row
    },
  }
  const watch = createWatch(
    {
      clock,
      ledger,
      queue: { send: async () => {} },
      deadLetters: { put: async () => {} },
      log: { info() {}, warn() {}, error() {} },
      metrics: { count() {} },
    },
    { firewalls: {}, exemptInstances: [], dnsCovered: false, rules: RuleSettings.parse({}) },
    { rules, score },
  )
  const minutes = trafficOf({ mix: 'local', instances, seed })
  for (let round = 0; round < WARM + COUNTED; round++) {
    if (round === WARM) counts = nothing()
    const window = Array.from({ length: MINUTES_APART }, () => minutes.next().value).flat()
    now = 1000 * window.reduce((last, { end }) => Math.max(last, end), 0)
    await seedInventory(inner, instances, now)
    for (const part of route === 's3' ? [window] : byInterface(window)) {
      const text = Buffer.from([V2, ...part.map(v2), ''].join('\n'))
      const began = process.cpuUsage()
      const { flows } = await watch(decoded(text))
      const { user, system } = process.cpuUsage(began)
      counts.seconds += (user + system) / 1e6
      counts.records += flows
      counts.deliveries++
    }
  }
  return { route, ...counts }
}

const nothing = () => ({ writes: 0, units: 0, sharedUnits: 0, waits: 0, records: 0, deliveries: 0, seconds: 0 })

function decoded(text: Uint8Array) {
  const { sink, delivery } = collecting('aws-vpc-flow', 'bench')
  const reader = sources['aws-vpc-flow']?.lines({}, sink)
  reader?.push(text)
  reader?.end()
  return delivery()
}

const byInterface = (window: readonly Sighting[]) => Map.groupBy(window, ({ instance }) => instance).values()

/** Every interface of the log is an instance in scope, by tags that were read just now. */
async function seedInventory(ledger: Ledger, instances: number, now: number): Promise<void> {
  for (let number = 0; number < instances; number++) {
    const [instance, id] = [instanceOf(number), interfaceOf(number)]
    const place = { subnet: 'subnet-1', acl: 'acl-1', addresses: [addressOf(number)] }
    await ledger.write(
      inventoryKeys.instance(instance),
      {
        ...{ instance, account: ACCOUNT, region: 'us-east-1', vpc: VPC, launchedAt: 0, tags: {} },
        ...{ scopedAt: now, seenAt: now, interfaces: [{ id, ...place, publicAddresses: [] }] },
      },
      'any',
    )
    const tenures = [{ instance, from: 0, vpc: VPC, ...place }]
    await ledger.write(inventoryKeys.interface(id), { interface: id, tenures }, 'any')
  }
  await ledger.write(inventoryKeys.scope, { inScope: instances, at: now }, 'any')
}

/** Of an item, about as DynamoDB counts: names and values. */
function bytesOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null) return 8
  return Object.entries(value).reduce((sum, [name, one]) => sum + name.length + bytesOf(one), 3)
}
