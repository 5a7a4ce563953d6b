import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget, budgetKey } from './budget.ts'
import { type Engine, engineOf, findingOf, INSTANCE, NOW, peer } from './engine-fixture.ts'
import type { Finding } from './finding.ts'
import { haltKey } from './halt.ts'
import { Incident } from './incident.ts'
import { incidentKey } from './incident-store.ts'
import { readJournal } from './journal.ts'
import { operate } from './operate.ts'
import { respond } from './respond.ts'

const second = NOW / 1000
const HOUR = 3_600_000

/** Enough to cut, and no identity. */
const shape: Finding['signals'] = (['shape', 'novelty', 'context'] as const).map(family => ({
  rule: 'reverse-tunnel',
  family,
  points: 40,
  first: second - 600,
  last: second,
  own: true,
  detail: 'A shape',
}))

function handle(engine: Engine, over: Partial<Finding> = {}): Promise<Incident | undefined> {
  const finding = findingOf(over)
  return respond(engine.ports, engine.settings, { kind: 'finding', finding }, engine.invocation(finding.id))
}

function on(number: number, over: Partial<Finding> = {}): Partial<Finding> {
  return { instance: `i-${number}`, id: `finding-${number}`, ...over }
}

async function verdictsOf(engine: Engine, findings: readonly Partial<Finding>[]): Promise<Record<string, number>> {
  const incidents = await Promise.all(findings.map(finding => handle(engine, finding)))
  return Object.fromEntries(
    [...Map.groupBy(incidents, incident => incident?.verdict ?? 'none')].map(([verdict, of]) => [verdict, of.length]),
  )
}

test('respond() grants no place of the budget twice, however many findings ask at once', async () => {
  const engine = await engineOf()
  const findings = Array.from({ length: 20 }, (_, number) => on(number, { signals: shape }))
  assert.deepEqual(await verdictsOf(engine, findings), { isolate: 3, approval: 17 })
  assert.equal(Budget.parse((await engine.ledger.read(budgetKey))?.value).cuts.length, 3)
})

test('respond() still cuts an identity when decoys have used up the budget', async () => {
  const engine = await engineOf()
  await verdictsOf(
    engine,
    Array.from({ length: 5 }, (_, number) => on(number, { signals: shape })),
  )
  assert.equal((await handle(engine, on(9)))?.verdict, 'isolate')
})

test('respond() takes nothing from the reserve for a guess, or for what an outsider sent', async () => {
  const [identity] = findingOf().signals
  assert.ok(identity)
  for (const weak of [
    { ...identity, points: 60 },
    { ...identity, own: false },
  ]) {
    const engine = await engineOf()
    await verdictsOf(
      engine,
      Array.from({ length: 3 }, (_, number) => on(number, { signals: shape })),
    )
    assert.equal((await handle(engine, on(9, { signals: [weak, ...shape] })))?.verdict, 'approval')
  }
})

const why = { by: 'ada', reason: 'A rule went wrong' }
const HALTED = 'Firebreak is halted by ada: A rule went wrong'

function ask(engine: Engine, verb: 'halt' | 'resume') {
  return operate(engine.ports, engine.settings.policy, { verb, ...why })
}

async function incidentOf(engine: Engine): Promise<Incident> {
  return Incident.parse((await engine.ledger.read(incidentKey(INSTANCE)))?.value)
}

test('a halt stops the next cut, which waits for a person; a resumed Firebreak cuts it once approved', async () => {
  const engine = await engineOf()
  await ask(engine, 'halt')
  const waiting = await handle(engine)
  assert.deepEqual([waiting?.verdict, waiting?.verdictReason], ['approval', HALTED])
  const order = { kind: 'approve', instance: INSTANCE, incident: waiting?.id ?? '', by: 'bob' } as const
  await respond(engine.ports, engine.settings, order, engine.invocation('two'))
  const refused = await incidentOf(engine)
  assert.deepEqual(refused.cut.reasons, [`Approved by bob and not cut: ${HALTED}`])
  assert.equal(refused.approvedBy, undefined)
  assert.deepEqual(engine.log, [])
  await ask(engine, 'resume')
  await respond(engine.ports, engine.settings, order, engine.invocation('three'))
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('a cut of which nothing was done is not tried again during a halt, whatever comes, and is after it', async () => {
  let away = true
  const engine = await engineOf({
    before: () => {
      if (away) throw new Error('The cloud is away')
    },
  })
  const incident = await handle(engine)
  away = false
  const tried = [...engine.log]
  await ask(engine, 'halt')
  const order = { kind: 'continue', instance: INSTANCE, incident: incident?.id ?? '' } as const
  const again = (owner: string) => respond(engine.ports, engine.settings, order, engine.invocation(owner))
  await again('two')
  await again('three')
  await handle(engine, { id: 'f2'.padEnd(64, '0') })
  const waiting = await incidentOf(engine)
  assert.deepEqual(engine.log, tried)
  assert.deepEqual([waiting.cut.reasons, waiting.findingIds.length], [[HALTED], 2])
  assert.deepEqual(waiting.restorePoint?.interfaces[0]?.groups, ['sg-agents'])
  await ask(engine, 'resume')
  await again('four')
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('an instance that is cut stays cut during a halt, with the peers of later findings', async () => {
  const engine = await engineOf()
  await handle(engine)
  await ask(engine, 'halt')
  await handle(engine, { id: 'f2'.padEnd(64, '0'), peers: [peer('198.51.100.7')] })
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9', '198.51.100.7'])
})

test('a halt refuses drills', async () => {
  const engine = await engineOf()
  await ask(engine, 'halt')
  await assert.rejects(
    operate(engine.ports, engine.settings.policy, { verb: 'drill', instance: INSTANCE, by: 'ada' }),
    {
      name: 'InputError',
      message: `Cannot drill "${INSTANCE}": ${HALTED}`,
    },
  )
  const describe = engine.ports.instances.describe
  const tagged = async (...asked: Parameters<typeof describe>) => {
    const description = await describe(...asked)
    return description && { ...description, tags: { 'firebreak:drill': 'true' } }
  }
  const ports = { ...engine.ports, instances: { describe: tagged } }
  const order = { kind: 'finding', finding: findingOf({ drill: true }) } as const
  const incident = await respond(ports, engine.settings, order, engine.invocation('one'))
  assert.deepEqual([incident?.verdict, incident?.verdictReason], ['refused', HALTED])
  assert.deepEqual(engine.log, [])
})

test('a halt and its end stand in a journal of their own, and the list tells them', async () => {
  const engine = await engineOf()
  await ask(engine, 'halt')
  await ask(engine, 'resume')
  const answer = await operate(engine.ports, engine.settings.policy, { verb: 'list' })
  assert.ok('incidents' in answer)
  const { journal = [], ...halt } = answer.halt ?? {}
  assert.deepEqual(halt, { halted: false, at: NOW, ...why })
  assert.deepEqual(
    journal.flatMap(({ lines }) => lines.map(({ text }) => text)),
    ['Halted by ada: A rule went wrong', 'Resumed by ada: A rule went wrong'],
  )
  assert.deepEqual((await engine.ledger.read(haltKey))?.value, halt)
})

test('what a cut must know of the halt is read with the rest, before the first write, in no round trip of its own', async () => {
  let under = 0
  let rounds = 0
  let written = false
  const engine = await engineOf({
    ledger: ledger => ({
      ...ledger,
      async read(key) {
        if (under++ === 0 && !written) rounds += 1
        await new Promise(setImmediate)
        under -= 1
        return ledger.read(key)
      },
      write(...asked) {
        written = true
        return ledger.write(...asked)
      },
    }),
  })
  await handle(engine)
  assert.equal(rounds, 1)
})

test('an approval that comes a day after the newest finding is refused with its reason, and the next finding asks anew', async () => {
  const engine = await engineOf({ policy: { mode: 'approve' } })
  const incident = await handle(engine)
  const order = { kind: 'approve', instance: INSTANCE, incident: incident?.id ?? '', by: 'bob' } as const
  const approve = () => respond(engine.ports, engine.settings, order, engine.invocation('two'))
  engine.clock.advance(24 * HOUR + 1)
  await approve()
  const late = 'It was open to approval until 2027-01-16T08:00:00.000Z, and the next finding asks anew'
  const { cut, verdict } = await incidentOf(engine)
  assert.deepEqual([cut.reasons, verdict, engine.log], [[`Approved by bob and not cut: ${late}`], 'approval', []])
  await assert.rejects(
    operate(engine.ports, engine.settings.policy, { verb: 'approve', instance: INSTANCE, by: 'bob' }),
    { name: 'InputError', message: `Cannot approve "${INSTANCE}": ${late}` },
  )
  await handle(engine, { id: 'f2'.padEnd(64, '0') })
  engine.clock.advance(24 * HOUR)
  await approve()
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('a stale finding is on the incident and denies nothing, even where the instance is cut already', async () => {
  const engine = await engineOf()
  await handle(engine)
  engine.clock.advance(7 * HOUR)
  await handle(engine, { id: 'f2'.padEnd(64, '0'), peers: [peer('198.51.100.7')] })
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9'])
  assert.equal((await incidentOf(engine)).findings.length, 2)
})

const signed = { owner: 'ada', reason: 'Our own pool', expires: '2027-01-15' }

test('a suppressed finding opens no incident and leaves a trace that the list tells', async () => {
  const engine = await engineOf({ policy: { suppressions: [{ ...signed, rule: 'mining-pool' }] } })
  assert.equal(await handle(engine), undefined)
  assert.equal(await engine.ledger.read(incidentKey(INSTANCE)), undefined)
  const answer = await operate(engine.ports, engine.settings.policy, { verb: 'list' })
  assert.ok('suppressed' in answer)
  const { id, score, instance } = findingOf()
  assert.deepEqual(answer.suppressed, [{ finding: id, instance, at: NOW, rules: ['mining-pool'], score, by: [signed] }])
})

test('what is suppressed of a finding stands in the journal of its incident', async () => {
  const [identity] = findingOf().signals
  assert.ok(identity)
  const engine = await engineOf({ policy: { suppressions: [{ ...signed, rule: 'mining-pool' }] } })
  const incident = await handle(engine, { signals: [identity, { ...identity, rule: 'reverse-tunnel' }] })
  assert.equal(incident?.verdict, 'isolate')
  assert.deepEqual(
    incident?.findings[0]?.signals.map(({ rule }) => rule),
    ['reverse-tunnel'],
  )
  const lines = (await readJournal(engine.ledger, incident?.id ?? '')).flatMap(entry => entry.lines)
  assert.ok(lines.some(({ text }) => text.endsWith('were suppressed by ada until 2027-01-15: Our own pool')))
})

test('an expired suppression silences nothing, and the log says so', async () => {
  const warned: unknown[] = []
  const engine = await engineOf({
    policy: { suppressions: [{ ...signed, rule: 'mining-pool', expires: '2027-01-14' }] },
  })
  const log = { ...engine.ports.log, warn: (message: string, fields?: object) => void warned.push([message, fields]) }
  const order = { kind: 'finding', finding: findingOf() } as const
  const incident = await respond({ ...engine.ports, log }, engine.settings, order, engine.invocation('one'))
  assert.equal(incident?.verdict, 'isolate')
  const fields = { ...signed, finding: findingOf().id, expires: '2027-01-14' }
  assert.deepEqual(warned, [['suppression has expired and silences nothing', fields]])
})

test('a rule under observation opens an incident that says what would have been cut', async () => {
  const engine = await engineOf({ policy: { modes: [{ rule: 'mining-pool', mode: 'observe' }] } })
  assert.equal((await handle(engine))?.verdict, 'observe')
  assert.deepEqual(engine.log, [])
})
