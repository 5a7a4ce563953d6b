import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineOf, findingOf } from './engine-fixture.ts'
import type { Step } from './ports.ts'
import { respond } from './respond.ts'
import { undoOf } from './undo.ts'

test('undoOf() lists what was begun and not put back yet, in the order of a release', async () => {
  const engine = await engineOf()
  const incident = await respond(
    engine.ports,
    engine.settings,
    { kind: 'finding', finding: findingOf() },
    engine.invocation('one'),
  )
  assert.ok(incident)
  const steps = engine.ports.steps.map(
    (step): Step => (step.id === 'snapshot' ? step : { ...step, undo: ({ id }) => [`undo ${step.id} of ${id}`] }),
  )
  const never: Step = { ...steps[0], id: 'never-begun' } as Step
  const undo = undoOf([...steps, never], incident)
  assert.deepEqual(
    undo.map(({ step }) => step),
    ['console', 'deny-peers', 'swap-groups'],
  )
  assert.deepEqual(undo[0]?.commands, [`undo console of ${incident.id}`])
  const [swap] = Object.entries(incident.steps).filter(([id]) => id === 'swap-groups')
  assert.ok(swap)
  const half = { ...incident, steps: { ...incident.steps, 'swap-groups': { ...swap[1], status: 'reverted' as const } } }
  assert.deepEqual(
    undoOf(steps, half).map(({ step }) => step),
    ['console', 'deny-peers'],
  )
  assert.deepEqual(undoOf(steps, { ...incident, closedAt: 1 }), [])
})
