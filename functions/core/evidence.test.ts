import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { COLLECT, evidenceFacts, evidenceOf } from './evidence.ts'
import type { Incident } from './incident.ts'

function incidentWith(facts: Incident['steps'][string]['facts']): Incident {
  return {
    ...{ id: 'fb-1', instance: 'i-1', account: '', region: '', openedAt: 0, drill: false },
    ...{ verdict: 'isolate', verdictReason: '', findings: [], findingIds: [], residual: [], denials: [] },
    steps: {
      [COLLECT]: { status: 'done', attempts: 1, covers: '', at: 1, done: [], unable: [], facts, reason: '' },
    },
    cut: { state: 'pending', reasons: [] },
    journal: { sequence: 0, hash: '' },
    pending: [],
  }
}

const files = fc.array(
  fc.record(
    {
      name: fc.stringMatching(/^[\w./-]{1,80}$/),
      bytes: fc.nat(),
      sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
      version: fc.stringMatching(/^\w[\w.]{0,40}$/),
    },
    { requiredKeys: ['name', 'bytes', 'sha256'], noNullPrototype: true },
  ),
  { maxLength: 20 },
)

test('evidenceOf() reads what evidenceFacts() wrote', () => {
  fc.assert(
    fc.property(files, fc.string(), (all, folder) => {
      const facts = evidenceFacts({ folder, files: all })
      const copied = Object.fromEntries(
        Object.entries(facts).map(([name, fact]) => [name, typeof fact === 'object' ? [...fact] : fact]),
      )
      assert.deepEqual(evidenceOf(incidentWith(copied)), { folder, files: all })
    }),
  )
})

test('evidenceOf() finds nothing where nothing was collected, and passes over what is no file', () => {
  assert.deepEqual(evidenceOf({ ...incidentWith({}), steps: {} }), { folder: '', files: [] })
  assert.deepEqual(evidenceOf(incidentWith({ folder: 7, files: 'none' })), { folder: '', files: [] })
  assert.deepEqual(
    evidenceOf(incidentWith({ folder: 's3://b/', files: ['', 'abc 1 - x', `${'a'.repeat(64)} x - y`] })),
    {
      folder: 's3://b/',
      files: [],
    },
  )
})
