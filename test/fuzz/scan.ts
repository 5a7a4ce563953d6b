import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import * as z from 'zod'
import { type Flow, SYN, TCP } from '../../functions/core/flow.ts'
import { instanceKey, readRow } from '../../functions/core/instance-row.ts'
import { CASE_START, flowsOf } from '../../functions/core/rule-case.ts'
import { MAX_PACKED } from '../../functions/core/state-packing.ts'
import { tunnel } from '../../functions/rules/reverse-tunnel/figures.ts'
import { ACCOUNT, DAY, deliveryOf, watchFleet } from './fleet.ts'

/** An instance that scans ever new peers, inside and outside, while its tunnel is in use. */

const OURS = '10.20.1.5'
const BATCH = 5000
/** A scanner sends a thousand a second. */
const A_SECOND = 1000
/** Of a ledger's item. */
const MAX_ROW = 400_000
/** One ACL's sketch in shards, prevalence and coverage; whoever scans must not make them grow. */
const MAX_SHARED = 16 * 1024 * 1024
const MAX_HEAP = 96 * 1024 * 1024

setFlagsFromString('--expose-gc')
const collect = z.function().parse(runInNewContext('gc'))

function heapNow(): number {
  collect()
  return process.memoryUsage().heapUsed
}

function probe(number: number): Flow {
  const inside = number % 2 === 0
  const start = CASE_START + 600 + Math.floor(number / A_SECOND)
  const destination = inside
    ? `10.${(number >> 16) & 255}.${(number >> 8) & 255}.${number & 255}`
    : `2001:db8:${(number >> 16).toString(16)}::${(number & 65_535).toString(16)}`
  const accepted = number % 3 === 0
  return {
    interface: 'eni-1',
    account: ACCOUNT,
    firewall: undefined,
    source: OURS,
    destination,
    sourcePort: 32_768 + (number % 28_000),
    destinationPort: 1 + (number % 9000),
    protocol: TCP,
    packets: 1,
    bytes: 40,
    start,
    end: start + 1,
    flags: SYN,
    accepted,
    direction: 'egress',
  }
}

const Shared = ['scope', 'neighbours', 'coverage']

/** Plays it through the watch; throws where a bound is passed. Sizes in bytes. */
export async function scan(peers: number) {
  const held = { instance: 'i-1', interface: 'eni-1', address: OURS, vpc: 'vpc-1', from: CASE_START * 1000 - DAY }
  const fleet = await watchFleet([held], CASE_START * 1000, { warm: true })
  const watch = fleet.start()
  const used = flowsOf({ ...tunnel, minutes: tunnel.minutes.slice(0, 9) }).map(({ flow }) => ({
    ...flow,
    interface: held.interface,
    account: ACCOUNT,
    source: flow.source === '10.20.1.5' ? OURS : flow.source,
  }))
  fleet.at((CASE_START + 600) * 1000)
  await watch(deliveryOf({ flows: used }))
  const first = heapNow()
  let row = 0
  let heap = 0
  for (let from = 0; from < peers; from += BATCH) {
    const flows = Array.from({ length: Math.min(BATCH, peers - from) }, (_, index) => probe(from + index))
    fleet.at(((flows.at(-1)?.end ?? 0) + 60) * 1000)
    await watch(deliveryOf({ flows }))
    const stored = await fleet.ledger.read(instanceKey(held.instance))
    row = Math.max(row, JSON.stringify(stored?.value, sizes).length + readRow(stored?.value).packed.length)
    assert.ok(row <= MAX_ROW, `the row has ${row} bytes after ${from} peers`)
    if (from % (20 * BATCH) === 0) heap = Math.max(heap, heapNow() - first)
    assert.ok(heap <= MAX_HEAP, `the heap grew by ${heap} bytes after ${from} peers`)
  }
  const rows = (await Promise.all(Shared.map(partition => fleet.ledger.list(partition)))).flat()
  const shared = rows.reduce((sum, { value }) => sum + bytesOf(value), 0)
  assert.ok(shared > 0 && shared <= MAX_SHARED, `the shared rows have ${shared} bytes`)
  const { state, packed } = readRow((await fleet.ledger.read(instanceKey(held.instance)))?.value)
  assert.ok(packed.length <= MAX_PACKED)
  const kept = state.conversations.values().some(({ peer, ways }) => peer === tunnel.peer && ways === 3)
  assert.ok(kept, 'the scan pushed the tunnel out')
  return { row, shared, heap, decision: fleet.decisions()[held.instance] }
}

const sizes = (_key: string, value: unknown) => (value instanceof Uint8Array ? value.length : value)

function bytesOf(value: unknown): number {
  if (value instanceof Uint8Array) return value.length
  if (typeof value !== 'object' || value === null) return 8
  return Object.values(value).reduce<number>((sum, one) => sum + bytesOf(one), 0)
}
