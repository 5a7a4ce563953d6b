import { collecting } from '../functions/core/delivery.ts'
import { addFlow, newState, settle } from '../functions/core/instance-state.ts'
import { inventoryKeys } from '../functions/core/inventory.ts'
import { memoryLedger } from '../functions/core/memory-ledger.ts'
import type { Ledger } from '../functions/core/ports.ts'
import { RuleSettings } from '../functions/core/rule-settings.ts'
import { score } from '../functions/core/score.ts'
import { packState } from '../functions/core/state-packing.ts'
import { createWatch } from '../functions/core/watch.ts'
import { rules } from '../functions/rules/registry.ts'
import { sources } from '../functions/sources/registry.ts'
import { flowLog, HEADER } from './traffic.ts'

/** USD, on demand, us-east-1, as of 2026-11; https://aws.amazon.com/dynamodb/pricing/on-demand and https://aws.amazon.com/lambda/pricing */
const DOLLARS_A_MILLION_WRITE_UNITS = 0.625
const DOLLARS_A_GIGABYTE_SECOND = 0.0000133334
const DOLLARS_A_MILLION_REQUESTS = 0.2
const PRICES = 'arm64, us-east-1, 2026-11'
/** A write unit is a kilobyte of the item (DynamoDB Developer Guide, "Capacity unit consumption"). */
const UNIT_BYTES = 1024
const LAMBDA_MEGABYTES = 1769
/** Records that one delivery of a subscription brings; AWS batches by size, some thousands at most. */
const RECORDS_A_DELIVERY = 5000
const MINUTES_A_MONTH = 43_200

/** Runs the watch itself over minutes of the fleet's log, a delivery a minute, and counts what it writes. */
export async function ledgerLoad(instances: number, seed: number) {
  let now = 0
  const clock = { now: () => now }
  const inner = memoryLedger(clock)
  let writes = 0
  let units = 0
  const ledger: Ledger = {
    ...inner,
    async write(key, value, expect, expires) {
      const row = await inner.write(key, value, expect, expires)
      if (row) {
        writes++
        units += Math.ceil(bytesOf(value) / UNIT_BYTES)
      }
      return row
    },
  }
  const MINUTES = 12
  const silent = { info() {}, warn() {}, error() {} }
  const watch = createWatch(
    {
      clock,
      ledger,
      queue: { send: async () => {} },
      deadLetters: { put: async () => {} },
      log: silent,
      metrics: { count() {} },
    },
    { firewalls: {}, exemptInstances: [], dnsCovered: false, rules: RuleSettings.parse({}) },
    { rules, score },
  )
  let records = 0
  let seconds = 0
  let minute = 0
  for (const text of flowLog({ mix: 'local', records: 10_000_000, instances, seed })) {
    if (minute++ === MINUTES) break
    const { sink, delivery } = collecting('aws-vpc-flow', 'bench')
    const began = performance.now()
    const reader = sources['aws-vpc-flow']?.lines({}, sink)
    reader?.push(Buffer.from(HEADER + text))
    reader?.end()
    const one = delivery()
    const decoded = performance.now() - began
    const newest = one.flows.reduce((last, { end }) => Math.max(last, end), 0)
    now = newest * 1000
    if (records === 0) await seedInventory(inner, one.flows, now)
    writes = records === 0 ? 0 : writes
    const started = performance.now()
    await watch(one)
    seconds += (decoded + performance.now() - started) / 1000
    records += one.flows.length
  }
  return {
    records,
    writesPerMillion: Math.round((writes / records) * 1e6),
    unitsPerMillion: Math.round((units / records) * 1e6),
    secondsPerMillion: (seconds / records) * 1e6,
  }
}

/** Every interface of the log is an instance in scope. */
async function seedInventory(
  ledger: Ledger,
  flows: readonly { readonly interface: string | undefined; readonly source: string; readonly destination: string }[],
  now: number,
): Promise<void> {
  const own = new Map<string, Map<string, number>>()
  for (const { interface: id, source, destination } of flows) {
    if (id === undefined) continue
    const counts = own.get(id) ?? new Map<string, number>()
    own.set(id, counts)
    for (const address of [source, destination]) counts.set(address, (counts.get(address) ?? 0) + 1)
  }
  for (const [id, counts] of own) {
    const [address = ''] = [...counts].toSorted((a, b) => b[1] - a[1])[0] ?? []
    const place = { subnet: 'subnet-1', acl: 'acl-1', addresses: [address] }
    await ledger.write(
      inventoryKeys.instance(id),
      {
        instance: id,
        account: '123456789012',
        region: 'us-east-1',
        vpc: 'vpc-1',
        launchedAt: 0,
        tags: {},
        scopedAt: now,
        interfaces: [{ id, ...place, publicAddresses: [] }],
        seenAt: now,
      },
      'any',
    )
    await ledger.write(
      inventoryKeys.interface(id),
      { interface: id, tenures: [{ instance: id, from: 0, vpc: 'vpc-1', ...place }] },
      'any',
    )
  }
  await ledger.write(inventoryKeys.scope, { inScope: own.size, at: now }, 'any')
}

function bytesOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (typeof value !== 'object' || value === null) return 8
  return Object.entries(value).reduce((sum, [name, one]) => sum + name.length + bytesOf(one), 3)
}

/** The rows of a fleet in which each instance holds so many active conversations, written once a delivery of its log. */
export function awsBill() {
  const instances = 10_000
  const conversations = 100
  /** CloudWatch Logs gets a flow log's records about every five minutes (Amazon VPC User Guide, "Flow logs basics"). */
  const minutesApart = 5
  const state = newState()
  for (let minute = 0; minute < 64; minute++)
    for (let peer = 0; peer < conversations; peer++)
      for (const out of [true, false]) {
        const start = 1_790_000_040 + minute * 60
        const [own, other] = ['10.0.0.5', `203.0.113.${peer}`]
        const [source, destination] = out ? [own, other] : [other, own]
        const [sourcePort, destinationPort] = out ? [40_000 + peer, 443] : [443, 40_000 + peer]
        const mixed = (minute * 31 + peer * 17 + Number(out)) % 97
        const base = { interface: 'eni-1', account: undefined, firewall: undefined, protocol: 6, accepted: true }
        const counts = { packets: 10 + mixed, bytes: 900 + 13 * mixed, start, end: start + 55, flags: undefined }
        const ends = { source, destination, sourcePort, destinationPort, direction: undefined }
        addFlow(state, { ...base, ...ends, ...counts }, out)
      }
  settle(state, state.watermark * 60)
  const { packed } = packState(state, state.watermark * 60)
  const unitsAWrite = Math.ceil((packed.length + 128) / UNIT_BYTES)
  const units = (instances * unitsAWrite * MINUTES_A_MONTH) / minutesApart
  return {
    instances,
    conversations,
    minutesApart,
    unitsAWrite,
    dollarsAMonth: Math.round((units / 1e6) * DOLLARS_A_MILLION_WRITE_UNITS),
    source: PRICES,
  }
}

export function lambdaPrice(secondsPerMillion: number) {
  const gigabyteSeconds = secondsPerMillion * 1000 * (LAMBDA_MEGABYTES / 1024)
  const requests = 1e9 / RECORDS_A_DELIVERY
  const dollars = gigabyteSeconds * DOLLARS_A_GIGABYTE_SECOND + (requests / 1e6) * DOLLARS_A_MILLION_REQUESTS
  return { dollarsABillion: Math.round(dollars * 100) / 100, megabytes: LAMBDA_MEGABYTES, source: PRICES }
}
