import assert from 'node:assert/strict'
import { test } from 'node:test'
import { evaluate } from '../../bench/corpus/evaluate.ts'
import { breakoutKinds } from '../../bench/corpus/kinds.ts'
import { isInTime, isPromised, report, sums } from '../../bench/corpus/table.ts'

/** The corpus of bench/corpus, small enough for every test run: one breakout of each kind among 30 instances in 4 hours. */
const evaluation = await evaluate({
  seed: 'test',
  dns: true,
  traces: true,
  only: '',
  instances: 30,
  lasts: 4 * 3_600_000,
  ofEach: 1,
  part: 0,
  parts: 1,
})
const table = report([evaluation], { explain: true })

test('nobody innocent is cut or alerted about, whatever his work looks like', () => {
  assert.deepEqual(evaluation.falseFindings, [], table)
  assert.ok(sums([evaluation]).days > 1, table)
})

test('every tunnel in use on port 22 and every breakout that gives its name away is cut within 10 minutes of its logs', () => {
  const promised = evaluation.outcomes.filter(isPromised)
  assert.ok(promised.length >= 7, table)
  assert.deepEqual(
    promised.filter(outcome => !isInTime(outcome)).map(({ kind }) => kind),
    [],
    table,
  )
})

test('every kind of breakout is in the corpus, and its logs arrive', () => {
  assert.deepEqual(
    evaluation.outcomes.map(({ kind }) => kind).toSorted(),
    breakoutKinds.map(({ name }) => name).toSorted(),
  )
  assert.deepEqual(
    evaluation.outcomes.filter(({ shownAt }) => shownAt === undefined).map(({ kind }) => kind),
    [],
  )
})
