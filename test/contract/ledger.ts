import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock, Ledger } from '../../functions/core/ports.ts'

/** A clock that stands until it is moved. */
export interface TestClock extends Clock {
  advance(milliseconds: number): void
}

export function testClock(start = Date.parse('2026-03-01T12:00:00Z')): TestClock {
  let now = start
  return {
    now: () => now,
    advance: milliseconds => {
      now += milliseconds
    },
  }
}

/**
 * What every ledger does. `make` gives an empty ledger, or one whose rows do not meet these: each test uses a partition of
 * its own. It must keep the clock's time, not the machine's.
 */
export function ledgerContract(name: string, make: (clock: TestClock) => Promise<Ledger> | Ledger): void {
  let partitions = 0
  const start = Date.now()
  async function fresh() {
    const clock = testClock()
    const ledger = await make(clock)
    const partition = `contract-${start}-${partitions++}`
    return { clock, ledger, partition, key: { partition, sort: 'row' } }
  }

  test(`${name}: reads that are asked for at once each get their own row, twice the same one too`, async () => {
    const { ledger, partition } = await fresh()
    const keys = Array.from({ length: 230 }, (_, index) => ({
      partition: `${partition}-${index % 3}`,
      sort: `${index}`,
    }))
    for (const [index, key] of keys.entries()) if (index % 7 !== 0) await ledger.write(key, { index }, 'absent')
    const rows = await Promise.all([...keys, ...keys.slice(0, 10)].map(key => ledger.read(key)))
    const expected = keys.map((_, index) => (index % 7 === 0 ? undefined : { index }))
    assert.deepEqual(
      rows.map(row => row?.value),
      [...expected, ...expected.slice(0, 10)],
    )
  })

  test(`${name}: a row that was never written is absent`, async () => {
    const { ledger, key, partition } = await fresh()
    assert.equal(await ledger.read(key), undefined)
    assert.deepEqual(await ledger.list(partition), [])
    assert.equal(await ledger.remove(key, 'absent'), true)
  })

  test(`${name}: what is written is read back, whatever its shape`, async () => {
    const { ledger, key } = await fresh()
    const value = {
      text: 'ä"\u0000\n',
      empty: '',
      number: -1.5,
      large: Number.MAX_SAFE_INTEGER,
      yes: true,
      nothing: null,
      bytes: new Uint8Array([0, 1, 254, 255]),
      noBytes: new Uint8Array(),
      list: [1, 'two', { three: [] }],
      nested: { 'a.b/c': { deep: [{}] } },
    }
    const written = await ledger.write(key, value, 'absent')
    const row = await ledger.read(key)
    assert.deepEqual(row?.key, key)
    assert.equal(row?.version, written?.version)
    assert.deepEqual(plain(row?.value), plain(value))
    assert.ok(isRecord(row?.value) && row.value['bytes'] instanceof Uint8Array)
  })

  test(`${name}: a row's value is not the writer's object`, async () => {
    const { ledger, key } = await fresh()
    const value = { list: [1] }
    await ledger.write(key, value, 'absent')
    value.list.push(2)
    assert.deepEqual((await ledger.read(key))?.value, { list: [1] })
  })

  test(`${name}: 'absent' holds once`, async () => {
    const { ledger, key } = await fresh()
    assert.ok(await ledger.write(key, { by: 'first' }, 'absent'))
    assert.equal(await ledger.write(key, { by: 'second' }, 'absent'), undefined)
    assert.deepEqual((await ledger.read(key))?.value, { by: 'first' })
  })

  test(`${name}: a version holds until the next write, and each write has another`, async () => {
    const { ledger, key } = await fresh()
    const first = await ledger.write(key, 1, 'absent')
    assert.ok(first)
    const second = await ledger.write(key, 2, first.version)
    assert.ok(second)
    assert.notEqual(second.version, first.version)
    assert.equal(await ledger.write(key, 3, first.version), undefined)
    assert.equal(await ledger.remove(key, first.version), false)
    assert.deepEqual((await ledger.read(key))?.value, 2)
    const same = await ledger.write(key, 2, 'any')
    assert.notEqual(same?.version, second.version)
  })

  test(`${name}: 'any' writes over whatever stands there`, async () => {
    const { ledger, key } = await fresh()
    assert.ok(await ledger.write(key, 1, 'any'))
    assert.ok(await ledger.write(key, 2, 'any'))
    assert.equal((await ledger.read(key))?.value, 2)
  })

  test(`${name}: a version of a row that is gone does not hold`, async () => {
    const { ledger, key } = await fresh()
    const row = await ledger.write(key, 1, 'absent')
    assert.ok(row)
    assert.equal(await ledger.remove(key, row.version), true)
    assert.equal(await ledger.read(key), undefined)
    assert.equal(await ledger.write(key, 2, row.version), undefined)
    const again = await ledger.write(key, 1, 'absent')
    assert.notEqual(again?.version, row.version)
  })

  test(`${name}: of writers that race from one version, one wins`, async () => {
    const { ledger, key } = await fresh()
    const row = await ledger.write(key, 0, 'absent')
    assert.ok(row)
    const writes = await Promise.all(Array.from({ length: 12 }, (_, by) => ledger.write(key, by, row.version)))
    const won = writes.filter(one => one !== undefined)
    assert.equal(won.length, 1)
    assert.equal((await ledger.read(key))?.version, won[0]?.version)
  })

  test(`${name}: of writers that race for an absent row, one wins`, async () => {
    const { ledger, key } = await fresh()
    const writes = await Promise.all(Array.from({ length: 12 }, (_, by) => ledger.write(key, by, 'absent')))
    assert.equal(writes.filter(one => one !== undefined).length, 1)
  })

  test(`${name}: counting by version under races loses no count`, async () => {
    const { ledger, key } = await fresh()
    async function increment(): Promise<void> {
      for (;;) {
        const row = await ledger.read(key)
        if (await ledger.write(key, Number(row?.value ?? 0) + 1, row?.version ?? 'absent')) return
      }
    }
    await Promise.all(Array.from({ length: 8 }, increment))
    assert.equal((await ledger.read(key))?.value, 8)
  })

  test(`${name}: an expired row counts as absent everywhere`, async () => {
    const { ledger, key, clock, partition } = await fresh()
    const row = await ledger.write(key, 'old', 'absent', clock.now() + 1000)
    assert.ok(row)
    clock.advance(999)
    assert.equal((await ledger.read(key))?.value, 'old')
    clock.advance(1)
    assert.equal(await ledger.read(key), undefined)
    assert.deepEqual(await ledger.list(partition), [])
    assert.equal(await ledger.write(key, 'kept', row.version), undefined)
    assert.equal(await ledger.remove(key, row.version), false)
    assert.ok(await ledger.write(key, 'new', 'absent'))
    clock.advance(10_000)
    assert.equal((await ledger.read(key))?.value, 'new')
  })

  test(`${name}: a write without an expiry takes the old one away`, async () => {
    const { ledger, key, clock } = await fresh()
    const row = await ledger.write(key, 1, 'absent', clock.now() + 1000)
    assert.ok(row)
    await ledger.write(key, 2, row.version)
    clock.advance(2000)
    assert.equal((await ledger.read(key))?.value, 2)
  })

  test(`${name}: list() gives one partition by prefix, in the order of the sort keys`, async () => {
    const { ledger, partition } = await fresh()
    for (const sort of ['b/2', 'a/1', 'b/10', 'b', 'c/ä', 'b/1', 'B/1'])
      await ledger.write({ partition, sort }, sort, 'absent')
    await ledger.write({ partition: `${partition}-other`, sort: 'b/3' }, 'elsewhere', 'absent')
    const sorts = async (prefix?: string) => (await ledger.list(partition, prefix)).map(row => row.key.sort)
    assert.deepEqual(await sorts('b/'), ['b/1', 'b/10', 'b/2'])
    assert.deepEqual(await sorts(), ['B/1', 'a/1', 'b', 'b/1', 'b/10', 'b/2', 'c/ä'])
    assert.deepEqual(await sorts('d'), [])
    const [first] = await ledger.list(partition, 'a/')
    assert.deepEqual(first?.key, { partition, sort: 'a/1' })
    assert.equal(first?.version, (await ledger.read({ partition, sort: 'a/1' }))?.version)
  })

  test(`${name}: list() gives all rows of a large partition`, async () => {
    const { ledger, partition } = await fresh()
    // More than the megabyte that DynamoDB gives in one answer.
    const value = { bytes: new Uint8Array(100_000) }
    const sorts = Array.from({ length: 14 }, (_, at) => `row/${String(at).padStart(2, '0')}`)
    await Promise.all(sorts.map(sort => ledger.write({ partition, sort }, value, 'absent')))
    assert.deepEqual(
      (await ledger.list(partition)).map(({ key }) => key.sort),
      sorts,
    )
  })

  test(`${name}: remove() of whatever stands there`, async () => {
    const { ledger, key } = await fresh()
    await ledger.write(key, 1, 'absent')
    assert.equal(await ledger.remove(key, 'absent'), false)
    assert.equal(await ledger.remove(key, 'any'), true)
    assert.equal(await ledger.remove(key, 'any'), true)
    assert.equal(await ledger.read(key), undefined)
  })

  test(`${name}: a row of 350 KB fits`, async () => {
    const { ledger, key } = await fresh()
    const bytes = new Uint8Array(350_000).fill(7)
    assert.ok(await ledger.write(key, { bytes }, 'absent'))
    const row = await ledger.read(key)
    assert.ok(isRecord(row?.value) && row.value['bytes'] instanceof Uint8Array)
    assert.equal(row.value['bytes'].length, bytes.length)
  })
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Byte arrays as lists, since a store may give back a subclass such as Buffer. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  return isRecord(value) ? Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)])) : value
}
