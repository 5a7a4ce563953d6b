import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Engine, engineOf, findingOf, INSTANCE } from './engine-fixture.ts'
import { incidentKey } from './incident-store.ts'
import { journalPartition } from './journal.ts'
import { list, show } from './looking.ts'
import { respond } from './respond.ts'

/** Opens an incident and has it released, so often. */
async function released(engine: Engine, times: number): Promise<string[]> {
  const ids: string[] = []
  for (let time = 1; time <= times; time++) {
    const now = engine.clock.now()
    const seconds = Math.floor(now / 1000)
    const signals = findingOf().signals.map(one => ({ ...one, first: seconds, last: seconds }))
    const finding = findingOf({ id: `finding-${time}`, at: now, signals })
    const incident = await respond(
      engine.ports,
      engine.settings,
      { kind: 'finding', finding },
      engine.invocation('one'),
    )
    assert.ok(incident)
    ids.push(incident.id)
    const order = { kind: 'release', instance: INSTANCE, incident: incident.id, by: 'ada' } as const
    await respond(engine.ports, engine.settings, order, engine.invocation('two'))
    engine.clock.advance(3_600_000)
  }
  return ids
}

test('list() tells with all the incidents that were followed by another one of their instance, the newest first', async () => {
  const engine = await engineOf()
  const ids = await released(engine, 3)
  assert.equal(new Set(ids).size, 3)
  const shown = async (all: boolean) => (await list(engine.ports, all)).incidents.map(({ id }) => id)
  assert.deepEqual(await shown(false), ids.slice(2))
  assert.deepEqual(await shown(true), ids.toReversed())
})

test('list() puts open incidents before closed ones, however old they are', async () => {
  const engine = await engineOf()
  const finding = findingOf({ instance: 'i-0aaaaaaaaaaaaaaaa' })
  await respond(engine.ports, engine.settings, { kind: 'finding', finding }, engine.invocation('one'))
  engine.clock.advance(60_000)
  await released(engine, 1)
  const { incidents } = await list(engine.ports, false)
  assert.deepEqual(
    incidents.map(({ closedAt }) => closedAt === undefined),
    [true, false],
  )
})

test('show() finds an incident by its own id, old or new, and by its instance the newest', async () => {
  const engine = await engineOf()
  const [first = '', second = ''] = await released(engine, 2)
  for (const id of [first, second]) {
    const { incident, journal } = await show(engine.ports, id)
    assert.equal(incident.id, id)
    assert.ok(incident.closedAt)
    assert.equal(journal.at(-1)?.hash, incident.journal.hash)
  }
  assert.equal((await show(engine.ports, INSTANCE)).incident.id, second)
})

test('show() refuses what the account has not, and says which account that is', async () => {
  const engine = await engineOf()
  for (const id of ['fb-0123456789abcdef', 'i-0123456789abcdef0'])
    await assert.rejects(show(engine.ports, id), {
      name: 'InputError',
      message: new RegExp(`^Cannot find "${id}": account 111122223333 has`),
    })
})

test('show() tells of the journal what came after an entry', async () => {
  const engine = await engineOf()
  const [id = ''] = await released(engine, 1)
  const { journal } = await show(engine.ports, id)
  assert.ok(journal.length > 1)
  assert.deepEqual((await show(engine.ports, id, 1)).journal, journal.slice(1))
})

test('show() answers in parts that a function can return, and each goes on where the one before it ended', async () => {
  const engine = await engineOf()
  const [id = ''] = await released(engine, 1)
  const { journal } = await show(engine.ports, id)
  const [first] = journal
  assert.ok(first)
  const text = 'x'.repeat(4096)
  const big = { ...first, lines: Array.from({ length: 100 }, () => ({ at: 1, kind: 'note', text })) }
  for (let sequence = 1; sequence <= 20; sequence++) {
    const key = { partition: journalPartition(id), sort: `journal/${String(sequence).padStart(6, '0')}` }
    await engine.ledger.write(key, { ...big, sequence }, 'any')
  }
  const seen: number[] = []
  for (let more = true; more; ) {
    const part = await show(engine.ports, id, seen.at(-1))
    assert.ok(Buffer.byteLength(JSON.stringify(part)) < 5_000_000)
    seen.push(...part.journal.map(({ sequence }) => sequence))
    more = part.more
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 20 }, (_, index) => index + 1),
  )
})

test('a journal row that is no entry any more hides none of the others', async () => {
  const engine = await engineOf()
  const [id = ''] = await released(engine, 1)
  const { journal } = await show(engine.ports, id)
  await engine.ledger.write({ partition: journalPartition(id), sort: 'journal/000001' }, { gone: true }, 'any')
  const after = await show(engine.ports, id)
  assert.deepEqual(after.journal, journal.slice(1))
  assert.deepEqual(
    after.unreadable.map(({ sequence }) => sequence),
    [1],
  )
})

test('an incident that cannot be read is told, and hides none of the others', async () => {
  const engine = await engineOf()
  await released(engine, 1)
  await engine.ledger.write(incidentKey('i-broken'), { id: 7 }, 'any')
  const { incidents, unreadable } = await list(engine.ports, true)
  assert.equal(incidents.length, 1)
  assert.deepEqual(
    unreadable.map(({ instance }) => instance),
    ['i-broken'],
  )
})

test('show() names the row of an incident that cannot be read', async () => {
  const engine = await engineOf()
  await engine.ledger.write(incidentKey(INSTANCE), { id: 7 }, 'any')
  await assert.rejects(show(engine.ports, INSTANCE), {
    name: 'InputError',
    message: new RegExp(`^Cannot read the incident in row "incidents ${INSTANCE}": it is none any more: ZodError`),
  })
})

test('list() has room for the newest suppressed findings and counts them all', async () => {
  const engine = await engineOf()
  for (let at = 1; at <= 600; at++) {
    const value = { finding: `finding-${at}`, instance: INSTANCE, at, rules: ['mining-pool'], score: 1, by: [] }
    await engine.ledger.write({ partition: 'suppressed', sort: `${INSTANCE}/${at}` }, value, 'any')
  }
  const { suppressed, suppressedInAll } = await list(engine.ports, false)
  assert.deepEqual([suppressed.length, suppressed[0]?.at, suppressedInAll], [500, 600, 600])
})
