import assert from 'node:assert/strict'
import { test } from 'node:test'
import { undoOf } from '../../functions/core/undo.ts'
import type { Call } from '../../functions/sandbox/calls.ts'
import { resolves } from '../../functions/sandbox/resolver/state.ts'
import { afterStep, signal } from './ec2-stage.ts'
import { CASES, type Case, incidentFor, setUndoStage, stateOf } from './undo-stage.ts'

type Stage = Awaited<ReturnType<typeof setUndoStage>>

/** The step done, and the cloud as it stood before. */
async function applied({ cloud, steps, pass, restorePoint }: Stage, one: Case) {
  const step = steps.find(({ id }) => id === one.step) ?? assert.fail()
  const before = stateOf(cloud)
  let incident = incidentFor(one, restorePoint)
  for (let passes = 0; passes < (one.passes ?? 1); passes++)
    incident = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  pass(one.takes ?? 0)
  assert.notDeepEqual(stateOf(cloud), before)
  return { step, before, incident }
}

function assertAsBefore({ cloud, pass }: Stage, one: Case, before: ReturnType<typeof stateOf>): void {
  pass(one.takes ?? 0)
  const [after, expected] = [stateOf(cloud), structuredClone(before)]
  one.apart?.(after)
  one.apart?.(expected)
  assert.deepEqual(after, expected)
}

for (const one of CASES)
  test(`the commands of ${one.step} undo what it did, without Firebreak`, async () => {
    await using stage = await setUndoStage(one)
    const { before, incident } = await applied(stage, one)
    const answers = () => (one.names ?? []).map(name => resolves(stage.cloud, 'vpc-1', name))
    assert.ok(!answers().includes(true))
    const undone = undoOf(stage.steps, incident)
    assert.deepEqual(
      undone.map(undo => undo.step),
      [one.step],
    )
    await stage.run(undone.flatMap(({ commands }) => commands).join('\n'))
    assert.ok(!answers().includes(false))
    assertAsBefore(stage, one, before)
  })

/** Reading changes nothing, and is answered. */
const isReading = (action: string) => /^(?:Describe|Get|List)/.test(action)

for (const one of CASES)
  test(`a release of ${one.step} whose answers get lost is carried out once, however often it is asked for`, async () => {
    const changes: Call[] = []
    {
      await using rehearsal = await setUndoStage(one)
      const { step, incident } = await applied(rehearsal, one)
      const from = rehearsal.sandbox.calls.length
      await step.revert({ incident, attempt: 1, signal: signal() })
      changes.push(...rehearsal.sandbox.calls.slice(from).filter(({ action }) => !isReading(action)))
    }
    assert.notDeepEqual(changes, [])
    await using stage = await setUndoStage(one)
    const { step, before, incident } = await applied(stage, one)
    assert.deepEqual(await step.drifted?.({ incident, attempt: 1, signal: signal() }), [])
    // More than an SDK tries.
    for (const { service, action } of changes) stage.sandbox.fault(service, action, 5, 'drop-after-effect')
    let failed = 0
    for (let tries = 0; tries < 6; tries++)
      try {
        await step.revert({ incident, attempt: 1, signal: signal() })
        if (tries > failed) break
      } catch {
        // The order is delivered again.
        failed += 1
      }
    assert.ok(failed > 0 && failed < 6)
    assertAsBefore(stage, one, before)
    assert.deepEqual(await step.drifted?.({ incident, attempt: 1, signal: signal() }), [], 'put back is no drift')
  })

test('every step that changes what is no evidence has commands that undo it', async () => {
  await using stage = await setUndoStage()
  // What these make or keep is evidence, which a release leaves alone; what is led through a group stays in none.
  const lasting = ['snapshot', 'lock-snapshots', 'share-snapshots', 'collect', 'transit-swap']
  assert.deepEqual(
    stage.steps
      .map(({ id }) => id)
      .filter(id => !lasting.includes(id))
      .toSorted(),
    CASES.map(({ step }) => step).toSorted(),
  )
})
