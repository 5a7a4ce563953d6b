import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACL, type Engine, engineOf, findingOf, INSTANCE } from './engine-fixture.ts'
import type { Incident } from './incident.ts'
import { loadIncident, replaceIncident } from './incident-store.ts'
import { brokenAt, readJournal } from './journal.ts'
import { leaseKey } from './leases.ts'
import type { Order } from './order.ts'
import type { Drift, Step, Work } from './ports.ts'
import { respond } from './respond.ts'

const drift: Drift = { resource: 'eni-1', left: 'in sg-quarantine', found: 'in sg-other' }
const refusal = 'eni-1 was left in sg-quarantine and is in sg-other'

/** A cut instance, of which one step says what drifted. */
async function cut(step: string, drifted: (work: Work) => Promise<readonly Drift[]>, more: Partial<Step> = {}) {
  const engine = await engineOf()
  const steps = engine.ports.steps.map((one): Step => (one.id === step ? { ...one, drifted, ...more } : one))
  const incident = await respond(
    engine.ports,
    engine.settings,
    { kind: 'finding', finding: findingOf() },
    engine.invocation('one'),
  )
  assert.ok(incident)
  let calls = 0
  async function release(...force: string[]): Promise<Incident | undefined> {
    calls += 1
    const order: Order = { kind: 'release', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada', force }
    return respond({ ...engine.ports, steps }, engine.settings, order, engine.invocation(`release ${calls}`))
  }
  return { engine, id: incident.id, release }
}

async function journalOf({ ledger }: Engine, id: string) {
  const journal = await readJournal(ledger, id)
  assert.equal(brokenAt(journal), undefined)
  return journal.flatMap(({ lines }) => lines)
}

test('release puts nothing back where one step has drifted, and says what', async () => {
  const { engine, id, release } = await cut('swap-groups', async () => [drift])
  const before = engine.log.length
  const refused = await release()
  assert.deepEqual(refused?.releaseRefused?.drifts, [{ step: 'swap-groups', ...drift }])
  assert.deepEqual(engine.log.slice(before), [])
  assert.deepEqual(engine.cloud, { groups: ['sg-quarantine'], denied: ['203.0.113.9'], snapshots: 1 })
  assert.deepEqual(
    [refused?.releasedBy, refused?.closedAt, refused?.claim, refused?.cut.state],
    [undefined, undefined, undefined, 'unverified'],
  )
  const told = (await journalOf(engine, id)).filter(({ kind }) => kind === 'refused')
  assert.match(
    told[0]?.text ?? '',
    /^Release asked for by ada is refused, and nothing is put back: .* swap-groups left/,
  )
  assert.deepEqual([told[1]?.step, told[1]?.text], ['swap-groups', refusal])
  const row = await engine.ledger.read(leaseKey(ACL))
  assert.match(JSON.stringify(row?.value), new RegExp(id), 'the lease is not given up')
})

test('a refusal that is delivered again is written down once, and one that is asked for again is told again', async () => {
  const { engine, id, release } = await cut('swap-groups', async () => [drift])
  const refusals = async () => (await journalOf(engine, id)).filter(({ kind }) => kind === 'refused').length
  await release()
  assert.equal(await refusals(), 2)
  // The function died after it had refused: its claim still stands, and lapses.
  const held = (await loadIncident(engine.ledger, INSTANCE)) ?? assert.fail()
  await replaceIncident(engine.ledger, held, { ...held.incident, claim: { owner: 'dead', until: 0 } })
  const again = await release()
  assert.deepEqual([await refusals(), again?.claim, again?.closedAt], [2, undefined, undefined])
  await release()
  assert.equal(await refusals(), 4)
})

test('release goes over the drift of a step that is forced, and of no other', async () => {
  const { engine, id, release } = await cut('swap-groups', async () => [drift])
  assert.equal((await release('deny-peers'))?.closedAt, undefined)
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  const released = await release('swap-groups')
  assert.equal(released?.cut.state, 'restored')
  assert.equal(released?.releaseRefused, undefined)
  assert.deepEqual(engine.cloud, { groups: ['sg-agents'], denied: [], snapshots: 1 })
  const forced = (await journalOf(engine, id)).filter(({ text }) => text.startsWith('Forced'))
  assert.deepEqual(
    forced.map(({ step, text }) => [step, text]),
    [['swap-groups', `Forced, although ${refusal}`]],
  )
})

test('a release that was refused is carried out once the drift is gone', async () => {
  let drifts: Drift[] = [drift]
  const { engine, release } = await cut('swap-groups', async () => drifts)
  await release()
  drifts = []
  const released = await release()
  assert.equal(released?.releaseRefused, undefined)
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('a release that began goes through, whatever drifts meanwhile', async () => {
  let [broken, drifts]: [boolean, Drift[]] = [true, []]
  const { engine, release } = await cut('swap-groups', async () => drifts, {
    revert: async () => {
      if (broken) throw new Error('Throttled')
      engine.cloud.groups = ['sg-agents']
      return { done: [], unable: [], facts: {} }
    },
  })
  await assert.rejects(release(), { name: 'RetryableError', message: /swap-groups: Error: Throttled/ })
  assert.deepEqual(engine.cloud.denied, [])
  broken = false
  drifts = [drift]
  assert.equal((await release())?.cut.state, 'restored')
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('a step that cannot be looked at is no licence: the release is journaled and delivered again', async () => {
  let broken = true
  const { engine, id, release } = await cut('swap-groups', async () => {
    if (broken) throw new Error('Throttled')
    return []
  })
  await assert.rejects(release(), {
    name: 'RetryableError',
    message: /Cannot look at what incident .* left: swap-groups: Error: Throttled/,
  })
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  assert.equal((await loadIncident(engine.ledger, INSTANCE))?.incident.claim, undefined)
  const [failed] = (await journalOf(engine, id)).filter(({ kind }) => kind === 'failed')
  assert.equal(failed?.text, 'Look before the release: Error: Throttled')
  broken = false
  assert.equal((await release())?.cut.state, 'restored')
})

test('release puts back a forced step that cannot even be looked at', async () => {
  const { engine, release } = await cut('swap-groups', () => Promise.reject(new Error('AccessDenied')))
  assert.equal((await release('swap-groups'))?.cut.state, 'restored')
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('entries that another incident needs too are not looked at: the release leaves them alone', async () => {
  const looked: unknown[] = []
  const { engine, release } = await cut('deny-peers', async ({ incident }) => {
    looked.push(incident.steps['deny-peers']?.facts['entries'])
    return []
  })
  const row = await engine.ledger.read(leaseKey(ACL))
  const held = row?.value as { leases: { incidents: string[] }[] }
  held.leases[0]?.incidents.push('fb-other')
  await engine.ledger.write(leaseKey(ACL), held, 'any')
  await release()
  assert.deepEqual(looked, [[]])
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9'])
})
