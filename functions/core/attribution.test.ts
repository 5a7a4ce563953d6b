import assert from 'node:assert/strict'
import { test } from 'node:test'
import { attribution } from './attribution.ts'
import { type AddressRow, InstanceRow, type InterfaceRow, inventoryKeys, standing } from './inventory.ts'
import { memoryLedger } from './memory-ledger.ts'
import type { Ledger } from './ports.ts'

const T = Date.parse('2026-03-05T10:00:00Z')
const second = (offset: number) => T / 1000 + offset
const vpc = 'vpc-1'

function instance(id: string, launchedAt: number, networkInterface: string, address: string): InstanceRow {
  return InstanceRow.parse({
    instance: id,
    account: '111122223333',
    region: 'eu-central-1',
    vpc,
    launchedAt,
    tags: {},
    interfaces: [{ id: networkInterface, subnet: 'subnet-1', acl: 'acl-1', addresses: [address], publicAddresses: [] }],
    seenAt: T,
    scopedAt: T,
  })
}

interface Held {
  readonly instance: string
  readonly from: number
  readonly to?: number
}

async function stage({
  onInterface = [],
  onAddress = [],
}: {
  onInterface?: Held[]
  onAddress?: (Held & { vpc?: string })[]
}) {
  let now = T
  const clock = { now: () => now }
  const memory = memoryLedger(clock)
  let reads = 0
  const ledger: Ledger = {
    ...memory,
    read: key => {
      reads++
      return memory.read(key)
    },
  }
  const where = { vpc, subnet: 'subnet-1', acl: 'acl-1', addresses: ['10.0.0.5'] }
  const interfaceRow = {
    interface: 'eni-1',
    tenures: onInterface.map(one => ({ ...one, ...where })),
  } satisfies InterfaceRow
  const addressRow = {
    address: '10.0.0.5',
    tenures: onAddress.map(one => ({ vpc, ...one, interface: 'eni-1' })),
  } satisfies AddressRow
  await memory.write(inventoryKeys.interface('eni-1'), interfaceRow, 'any')
  await memory.write(inventoryKeys.address('10.0.0.5'), addressRow, 'any')
  await memory.write(inventoryKeys.acl('acl-9'), { acl: 'acl-9', interfaces: ['eni-lb'] }, 'any')
  for (const { instance: id, from } of [...onInterface, ...onAddress])
    await memory.write(inventoryKeys.instance(id), instance(id, from, 'eni-1', '10.0.0.5'), 'any')
  const inventory = attribution(ledger, clock)
  await inventory.load(['eni-1', 'eni-lb'], ['10.0.0.5'], [])
  return { inventory, ledger, reads: () => reads, later: (milliseconds: number) => (now += milliseconds) }
}

const HOUR = 3_600_000

test('byInterface() names who held it then, not who holds it now', async () => {
  const { inventory } = await stage({
    onInterface: [
      { instance: 'i-old', from: T - 9 * HOUR, to: T - 5 * HOUR },
      { instance: 'i-new', from: T - 4 * HOUR },
    ],
  })
  const holder = (from: number, to: number) => {
    const one = inventory.byInterface('eni-1', second(from), second(to))
    return one.known ? one.row.instance : one.reason
  }
  assert.equal(holder(-6 * 3600, -6 * 3600 + 60), 'i-old')
  assert.equal(holder(-60, 0), 'i-new')
  assert.equal(holder(-5 * 3600 + 600, -5 * 3600 + 660), 'before the tenure')
  assert.equal(holder(-5 * 3600 - 30, -5 * 3600 + 30), 'before the tenure')
  assert.equal(holder(-10 * 3600, -10 * 3600 + 60), 'before the tenure')
})

test('a record in two tenures is nobody’s', async () => {
  const { inventory } = await stage({
    onInterface: [
      { instance: 'i-old', from: T - 9 * HOUR, to: T - HOUR },
      { instance: 'i-new', from: T - 2 * HOUR },
    ],
  })
  assert.deepEqual(inventory.byInterface('eni-1', second(-5400), second(-5340)), { known: false, reason: 'ambiguous' })
})

test('an instance that was launched after the record is never blamed', async () => {
  const { inventory, ledger, later } = await stage({ onInterface: [{ instance: 'i-1', from: T - 9 * HOUR }] })
  await ledger.write(inventoryKeys.instance('i-1'), instance('i-1', T - HOUR, 'eni-1', '10.0.0.5'), 'any')
  later(151_000)
  await inventory.load(['eni-1'], [], [])
  assert.deepEqual(inventory.byInterface('eni-1', second(-7200), second(-7140)), {
    known: false,
    reason: 'before the launch',
  })
  assert.ok(inventory.byInterface('eni-1', second(-600), second(-540)).known)
})

test('byAddress() needs the VPC and one holder in it', async () => {
  const { inventory } = await stage({
    onAddress: [
      { instance: 'i-1', from: T - 9 * HOUR },
      { instance: 'i-2', from: T - 9 * HOUR, vpc: 'vpc-2' },
    ],
    onInterface: [{ instance: 'i-1', from: T - 9 * HOUR }],
  })
  const holder = inventory.byAddress('10.0.0.5', vpc, second(-60), second(0))
  assert.ok(holder.known && holder.row.instance === 'i-1')
  assert.deepEqual(inventory.byAddress('10.0.0.5', 'vpc-3', second(-60), second(0)), {
    known: false,
    reason: 'unknown',
  })
  assert.deepEqual(inventory.byAddress('10.0.0.6', vpc, second(-60), second(0)), { known: false, reason: 'unknown' })
})

test('aclOf() knows interfaces that no instance holds', async () => {
  const { inventory } = await stage({ onInterface: [{ instance: 'i-1', from: T - HOUR }] })
  assert.equal(inventory.aclOf('eni-lb'), 'acl-9')
  assert.equal(inventory.aclOf('eni-1'), 'acl-1')
  assert.equal(inventory.aclOf('eni-none'), undefined)
})

test('load() asks the ledger again after two minutes and a half, for what was missing after one', async () => {
  const { inventory, reads, later } = await stage({ onInterface: [{ instance: 'i-1', from: T - HOUR }] })
  const first = reads()
  await inventory.load(['eni-1', 'eni-lb'], ['10.0.0.5'], ['i-1'])
  assert.equal(reads(), first)
  later(60_001)
  await inventory.load(['eni-1'], ['10.0.0.5'], ['i-1'])
  assert.equal(reads(), first)
  await inventory.load(['eni-lb'], [], [])
  assert.equal(reads(), first + 1)
  later(90_000)
  await inventory.load(['eni-1', 'eni-lb'], ['10.0.0.5'], [])
  assert.equal(reads(), 2 * first + 1)
})

test('made-up interfaces cost a bounded number of reads', async () => {
  const { inventory, reads } = await stage({})
  const before = reads()
  await inventory.load(
    Array.from({ length: 50_000 }, (_, at) => `eni-${at}x`),
    [],
    [],
  )
  assert.ok(reads() - before <= 2000)
  assert.deepEqual(inventory.byInterface('eni-49999x', second(0), second(1)), { known: false, reason: 'too many' })
})

test('a corrupt inventory row attributes nothing', async () => {
  const { inventory, ledger, later } = await stage({ onInterface: [{ instance: 'i-1', from: T - HOUR }] })
  await ledger.write(inventoryKeys.interface('eni-1'), { tenures: 'none' }, 'any')
  await ledger.write(inventoryKeys.instance('i-1'), 'none', 'any')
  later(151_000)
  await inventory.load(['eni-1'], [], ['i-1'])
  assert.deepEqual(inventory.byInterface('eni-1', second(-60), second(0)), { known: false, reason: 'unknown' })
  assert.deepEqual(inventory.byInstance('i-1', second(0)), { known: false, reason: 'unknown' })
})

test('standing() keeps an instance in scope for a day and takes an exemption only when it is a day old', () => {
  const row = instance('i-1', T - 99 * HOUR, 'eni-1', '10.0.0.5')
  assert.equal(standing({ ...row, scopedAt: T - 23 * HOUR }, T), 'in')
  assert.equal(standing({ ...row, scopedAt: T - 24 * HOUR }, T), 'out')
  assert.equal(standing({ ...row, exemptSince: T - 23 * HOUR }, T), 'in')
  assert.equal(standing({ ...row, exemptSince: T - 24 * HOUR }, T), 'exempt')
})
