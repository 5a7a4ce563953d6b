import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fuzzed, targets } from './fuzzing.ts'

const INPUTS = 50_000
/** Fixed, so that a run says something of the change that it tests; other seeds are `npm run fuzz`. */
const SEED = 20_261_118

test(`${INPUTS} damaged and made-up inputs: only typed errors, only sound records, each accounted for`, async () => {
  const failure = await fuzzed(INPUTS, SEED)
  if (failure) {
    const { reason, ...input } = failure
    assert.fail(`${reason}\nAgain with: npm run fuzz -- --again '${JSON.stringify(input)}'`)
  }
})

test('every log source, envelope and reader of the entry is a target', () => {
  const ids = targets.map(({ id }) => id)
  for (const id of ['aws-vpc-flow', 'aws-network-firewall', 'aws-resolver', 'agent-trace'])
    for (const way of ['batch', 'lines']) assert.ok(ids.includes(`${id} ${way}`), `${id} ${way}`)
  for (const id of [
    'subscription',
    'kinesis',
    'firehose',
    'queue',
    'object notice',
    'event bus',
    'lane order',
    'configuration',
  ])
    assert.ok(ids.includes(id), id)
})
