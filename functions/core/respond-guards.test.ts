import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Budget, budgetKey } from './budget.ts'
import { type Engine, engineOf, findingOf, NOW } from './engine-fixture.ts'
import type { Finding } from './finding.ts'
import type { Incident } from './incident.ts'
import { respond } from './respond.ts'

const second = NOW / 1000

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
