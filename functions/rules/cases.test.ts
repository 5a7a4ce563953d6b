import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caseView, type RuleCase } from '../core/rule-case.ts'
import { score } from '../core/score.ts'
import { cases as busyGpu } from './busy-gpu/cases.ts'
import { cases as dnsTunnel } from './dns-tunnel/cases.ts'
import { cases as internalProbing } from './internal-probing/cases.ts'
import { cases as miningPool } from './mining-pool/cases.ts'
import { rules } from './registry.ts'
import { cases as reverseTunnel } from './reverse-tunnel/cases.ts'
import { cases as toolCall } from './tool-call/cases.ts'

const casesOf: Readonly<Record<string, readonly RuleCase[]>> = {
  'busy-gpu': busyGpu,
  'dns-tunnel': dnsTunnel,
  'internal-probing': internalProbing,
  'mining-pool': miningPool,
  'reverse-tunnel': reverseTunnel,
  'tool-call': toolCall,
}

test('every rule has cases that match and cases that must not, and every list of cases has its rule', () => {
  assert.deepEqual(Object.keys(casesOf).toSorted(), rules.map(({ id }) => id).toSorted())
  for (const [id, cases] of Object.entries(casesOf)) {
    assert.ok(
      cases.some(({ matches }) => matches),
      `${id} has no case that matches`,
    )
    assert.ok(
      cases.some(({ matches }) => !matches),
      `${id} has no case that must not match`,
    )
    assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length, `${id} has two cases of one name`)
  }
})

test('every rule tells a person what else looks like it and what to do next', () => {
  for (const { id, title, technique, falsePositives, runbook } of rules) {
    assert.match(id, /^[a-z]+(-[a-z]+)*$/)
    assert.match(technique, /^T\d{4}(\.\d{3})?$/)
    assert.ok(title !== '' && falsePositives.length > 0 && runbook.length > 0, id)
  }
})

for (const rule of rules)
  for (const { name, matches, decision, did } of casesOf[rule.id] ?? [])
    test(`${rule.id} ${matches ? 'sees' : 'passes over'} ${name} (${decision})`, () => {
      const view = caseView(did)
      const signals = rules.flatMap(one => one.judge(view))
      const own = signals.filter(signal => signal.rule === rule.id && signal.points > 0)
      const judged = score(signals, view.settings)
      const seen = signals
        .map(({ rule: by, family, points, detail }) => `${by} ${family} ${points}: ${detail}`)
        .join('\n')
      assert.equal(own.length > 0, matches, seen)
      assert.equal(judged.decision ?? 'none', decision, `${judged.score}\n${seen}`)
    })
