import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineOf, findingOf, INSTANCE, NOW } from './engine-fixture.ts'
import { amendIncident, loadIncident, settleJournal, withLines } from './incident-store.ts'
import { brokenAt, type JournalLine, readJournal } from './journal.ts'
import { respond } from './respond.ts'

const note = (text: string): JournalLine => ({ at: NOW, kind: 'note', text })

test('settleJournal() loses and repeats no line when two functions link at once and a third line waits', async () => {
  const engine = await engineOf()
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const { ledger } = engine
  const start = await loadIncident(ledger, INSTANCE)
  assert.ok(start)
  const waiting = await amendIncident(ledger, start, undefined, one => withLines(one, [note('a'), note('b')]))
  await settleJournal(ledger, waiting, undefined, 'respond', NOW)
  const settled = await loadIncident(ledger, INSTANCE)
  assert.ok(settled)
  await amendIncident(ledger, settled, undefined, one => withLines(one, [note('c')]))
  // verify read the incident before any of that.
  await settleJournal(ledger, waiting, undefined, 'verify', NOW)
  const late = await loadIncident(ledger, INSTANCE)
  assert.deepEqual(late?.incident.pending, [note('c')])
  assert.ok(late)
  await settleJournal(ledger, late, undefined, 'respond', NOW)
  const journal = await readJournal(ledger, start.incident.id)
  assert.equal(brokenAt(journal), undefined)
  const texts = journal.flatMap(({ lines }) => lines.map(({ text }) => text))
  assert.deepEqual(texts.slice(-3), ['a', 'b', 'c'])
})

test('settleJournal() repeats no line that a try linked which died before it could say so', async () => {
  const engine = await engineOf()
  await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const { ledger } = engine
  const start = await loadIncident(ledger, INSTANCE)
  assert.ok(start)
  const waiting = await amendIncident(ledger, start, undefined, one => withLines(one, [note('a')]))
  const dying = { ...ledger, write: async () => Promise.reject(new Error('The function was ended')) }
  const linking = {
    ...dying,
    write: (...all: Parameters<typeof ledger.write>) =>
      all[0].sort.startsWith('journal/') ? ledger.write(...all) : dying.write(),
  }
  await assert.rejects(settleJournal(linking, waiting, undefined, 'respond', NOW), /ended/)
  const more = await amendIncident(ledger, waiting, undefined, one => withLines(one, [note('b')]))
  await settleJournal(ledger, more, undefined, 'respond', NOW)
  const texts = (await readJournal(ledger, start.incident.id)).flatMap(({ lines }) => lines.map(({ text }) => text))
  assert.deepEqual(texts.slice(-2), ['a', 'b'])
  assert.equal(texts.filter(text => text === 'a').length, 1)
})
