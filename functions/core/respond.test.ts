import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACL, type Engine, engineOf, findingOf, INSTANCE, peer } from './engine-fixture.ts'
import { RetryableError } from './errors.ts'
import type { Finding } from './finding.ts'
import { loadIncident } from './incident-store.ts'
import { brokenAt, readJournal } from './journal.ts'
import { leaseKey } from './leases.ts'
import type { Ledger } from './ports.ts'
import { respond } from './respond.ts'

async function handle(engine: Engine, finding: Finding, owner = 'one') {
  return respond(engine.ports, engine.settings, { kind: 'finding', finding }, engine.invocation(owner))
}

/** Delivers what the engine sent itself until nothing is left. */
async function drain(engine: Engine): Promise<void> {
  for (let round = 0; engine.sent.length > 0; round++) {
    assert.ok(round < 20, 'the engine keeps sending itself orders')
    const message = engine.sent.shift()
    if (message) await respond(engine.ports, engine.settings, message.order, engine.invocation(`drain-${round}`))
  }
}

async function incidentOf(engine: Engine) {
  const held = await loadIncident(engine.ledger, INSTANCE)
  assert.ok(held)
  return held.incident
}

test('respond() cuts, snapshots, closes its claim and leaves an intact journal', async () => {
  const engine = await engineOf()
  const incident = await handle(engine, findingOf())
  assert.deepEqual(engine.cloud, { groups: ['sg-quarantine'], denied: ['203.0.113.9'], snapshots: 1 })
  assert.equal(incident?.cut.state, 'unverified')
  assert.equal(incident?.claim, undefined)
  assert.deepEqual(incident?.pending, [])
  const journal = await readJournal(engine.ledger, incident?.id ?? '')
  assert.equal(brokenAt(journal), undefined)
  const kinds = journal.flatMap(({ lines }) => lines.map(({ kind }) => kind))
  assert.deepEqual(kinds.slice(0, 4), ['opened', 'intent', 'intent', 'intent'])
  assert.equal(kinds.filter(kind => kind === 'result').length, 4)
})

test('respond() records the original groups once, however often and late a finding comes', async () => {
  const engine = await engineOf()
  await handle(engine, findingOf())
  await handle(engine, findingOf())
  await handle(engine, findingOf({ id: 'f2'.padEnd(64, '0'), peers: [peer('198.51.100.7')] }))
  const incident = await incidentOf(engine)
  assert.deepEqual(incident.restorePoint?.interfaces[0]?.groups, ['sg-agents'])
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9', '198.51.100.7'])
  assert.equal(engine.log.filter(line => line.startsWith('swap-groups')).length, 1)
  assert.equal(engine.cloud.snapshots, 1)
})

test('respond() writes nothing to the ledger between the opening and the answer of every contain step', async () => {
  const order: string[] = []
  const engine = await engineOf({
    ledger: ledger => ({
      ...ledger,
      write: (key, ...rest) => {
        order.push('write')
        return ledger.write(key, ...rest)
      },
    }),
    before: async step => {
      order.push(step)
      // deny-peers answers late: the others' results must wait.
      if (step === 'deny-peers') await new Promise(resolve => setTimeout(resolve, 20))
      if (step === 'deny-peers') order.push('denied')
    },
  })
  await handle(engine, findingOf())
  const begun = order.indexOf('swap-groups')
  assert.ok(begun > 0)
  assert.ok(!order.slice(begun, order.indexOf('denied')).includes('write'), order.join(' '))
})

test('respond() goes on with the other steps when one fails, and tries that one again', async () => {
  let failures = 2
  const engine = await engineOf({
    before: step => {
      if (step === 'swap-groups' && failures-- > 0) throw new Error('RequestLimitExceeded')
    },
  })
  const first = await handle(engine, findingOf())
  assert.equal(first?.cut.state, 'pending')
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9'])
  assert.equal(engine.cloud.snapshots, 1)
  await drain(engine)
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  assert.equal((await incidentOf(engine)).cut.state, 'unverified')
  assert.equal(engine.cloud.snapshots, 1)
})

test('respond() gives up on a step within the lane after three tries and says why', async () => {
  const engine = await engineOf({
    before: step => {
      if (step === 'swap-groups') throw new Error('UnauthorizedOperation')
    },
  })
  await handle(engine, findingOf())
  await drain(engine)
  const incident = await incidentOf(engine)
  assert.equal(incident.steps['swap-groups']?.attempts, 3)
  assert.equal(incident.cut.state, 'pending')
  assert.match(incident.cut.reasons.join(), /swap-groups failed: Error: UnauthorizedOperation/)
})

test('respond() enqueues its continuation before the deadline and ends well', async () => {
  const engine = await engineOf({ before: () => new Promise(resolve => setTimeout(resolve, 10)) })
  // No time is left after the reserve, so the signal has fired before collect and report are reached.
  const incident = await respond(
    engine.ports,
    engine.settings,
    { kind: 'finding', finding: findingOf() },
    engine.invocation('late', () => 5000),
  )
  assert.equal(incident?.claim, undefined)
  assert.deepEqual(
    engine.sent.map(({ lane, order }) => [lane, order.kind]),
    [[INSTANCE, 'continue']],
  )
  assert.ok(!engine.log.some(line => line.startsWith('console')))
  await drain(engine)
  assert.ok(engine.log.some(line => line.startsWith('console')))
})

test('respond() refuses to work beside the holder of a claim and takes over when it has lapsed', async () => {
  let die = true
  const engine = await engineOf({
    before: step => {
      if (step === 'swap-groups' && die) return new Promise<void>(() => {})
      return undefined
    },
  })
  void handle(engine, findingOf(), 'dead')
  await new Promise(resolve => setImmediate(resolve))
  await assert.rejects(handle(engine, findingOf(), 'second'), RetryableError)
  die = false
  engine.clock.advance(70_000)
  await handle(engine, findingOf(), 'third')
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  assert.deepEqual((await incidentOf(engine)).restorePoint?.interfaces[0]?.groups, ['sg-agents'])
})

test('respond() ends cut after a death at any ledger write, with the original groups in the restore point', async () => {
  for (let fatal = 1; ; fatal++) {
    let writes = 0
    const engine = await engineOf({
      ledger: ledger => ({
        ...ledger,
        async write(key, ...rest) {
          const row = await ledger.write(key, ...rest)
          // The write took place and the function never hears of it.
          if (++writes === fatal) throw new Error('killed')
          return row
        },
      }),
    })
    await handle(engine, findingOf(), 'dies').catch(() => {})
    if (writes < fatal) break
    engine.clock.advance(70_000)
    await handle(engine, findingOf(), 'survives')
    await drain(engine)
    const incident = await incidentOf(engine)
    assert.deepEqual(
      engine.cloud,
      { groups: ['sg-quarantine'], denied: ['203.0.113.9'], snapshots: 1 },
      `after write ${fatal}`,
    )
    assert.deepEqual(incident.restorePoint?.interfaces[0]?.groups, ['sg-agents'], `after write ${fatal}`)
    assert.equal(incident.claim, undefined, `after write ${fatal}`)
    assert.equal(brokenAt(await readJournal(engine.ledger, incident.id)), undefined, `after write ${fatal}`)
    assert.ok(fatal < 60)
  }
})

test('respond() waits for approval past the budget, and cuts once a person approves', async () => {
  const engine = await engineOf({ policy: { budget: { cutsPerHour: 0, reserve: { cutsPerHour: 0 } } } })
  const waiting = await handle(engine, findingOf())
  assert.equal(waiting?.verdict, 'approval')
  assert.match(waiting?.verdictReason ?? '', /The budget is spent/)
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
  const order = { kind: 'approve', instance: INSTANCE, incident: waiting?.id ?? '', by: 'ada' } as const
  await respond(engine.ports, engine.settings, order, engine.invocation('two'))
  const incident = await incidentOf(engine)
  assert.equal(incident.approvedBy, 'ada')
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('respond() only reports in mode observe, and an alert never cuts', async () => {
  const observing = await engineOf({ policy: { mode: 'observe' } })
  assert.equal((await handle(observing, findingOf()))?.verdict, 'observe')
  assert.deepEqual(observing.log, [])
  const alerted = await engineOf()
  assert.equal((await handle(alerted, findingOf({ decision: 'alert', score: 70 })))?.verdict, 'alert')
  assert.deepEqual(alerted.cloud.groups, ['sg-agents'])
})

test('respond() cuts an incident that began as an alert when a later finding isolates', async () => {
  const engine = await engineOf()
  const alerted = await handle(engine, findingOf({ decision: 'alert', score: 70 }))
  const cut = await handle(engine, findingOf({ id: 'f2'.padEnd(64, '0') }))
  assert.equal(cut?.id, alerted?.id)
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
})

test('release puts everything back, keeps the evidence, and the old finding does not cut again', async () => {
  const engine = await engineOf()
  const incident = await handle(engine, findingOf())
  const order = { kind: 'release', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' } as const
  engine.clock.advance(60_000)
  const released = await respond(engine.ports, engine.settings, order, engine.invocation('two'))
  assert.equal(released?.cut.state, 'restored')
  assert.deepEqual(engine.cloud, { groups: ['sg-agents'], denied: [], snapshots: 1 })
  await handle(engine, findingOf())
  await handle(engine, findingOf({ id: 'f3'.padEnd(64, '0') }))
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
  assert.equal((await incidentOf(engine)).id, incident?.id)
})

test('release leaves a deny that another incident needs', async () => {
  const engine = await engineOf()
  const incident = await handle(engine, findingOf())
  const row = await engine.ledger.read(leaseKey(ACL))
  const held = row?.value as { leases: { peer: string; incidents: string[]; entries: string[] }[] }
  held.leases[0]?.incidents.push('fb-other')
  await engine.ledger.write(leaseKey(ACL), held, 'any')
  const order = { kind: 'release', instance: INSTANCE, incident: incident?.id ?? '', by: 'ada' } as const
  await respond(engine.ports, engine.settings, order, engine.invocation('two'))
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9'])
  assert.deepEqual(engine.cloud.groups, ['sg-agents'])
})

test('a finding after the release opens a new incident, and the old one is kept', async () => {
  const engine = await engineOf()
  const first = await handle(engine, findingOf())
  const order = { kind: 'release', instance: INSTANCE, incident: first?.id ?? '', by: 'ada' } as const
  await respond(engine.ports, engine.settings, order, engine.invocation('two'))
  engine.clock.advance(3_600_000)
  const second = engine.clock.now() / 1000
  const signals = findingOf().signals.map(signal => ({ ...signal, first: second - 60, last: second }))
  const again = await handle(engine, findingOf({ id: 'f4'.padEnd(64, '0'), signals }))
  assert.notEqual(again?.id, first?.id)
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  assert.ok(await engine.ledger.read({ partition: `incident/${first?.id}`, sort: 'incident' }))
})

test('respond() costs two ledger round trips before the first change', async () => {
  let open = 0
  let rounds = 0
  const counted = (ledger: Ledger): Ledger => {
    const count = async <T>(call: () => Promise<T>): Promise<T> => {
      if (open++ === 0) rounds += 1
      await new Promise(resolve => setTimeout(resolve, 2))
      try {
        return await call()
      } finally {
        open -= 1
      }
    }
    return {
      read: key => count(() => ledger.read(key)),
      list: (partition, prefix) => count(() => ledger.list(partition, prefix)),
      write: (key, value, expect, expires) => count(() => ledger.write(key, value, expect, expires)),
      remove: (key, expect) => count(() => ledger.remove(key, expect)),
    }
  }
  let atCut = 0
  const engine = await engineOf({
    ledger: counted,
    before: step => {
      if (step === 'swap-groups') atCut = rounds
    },
  })
  await handle(engine, findingOf())
  assert.equal(atCut, 2)
})

test('respond() asks about the peers of earlier alerts when the incident becomes a cut', async () => {
  const engine = await engineOf()
  await handle(engine, findingOf({ decision: 'alert', score: 70, peers: [peer('198.51.100.7')] }))
  await handle(engine, findingOf({ id: 'f2'.padEnd(64, '0') }))
  assert.deepEqual(engine.cloud.denied.toSorted(), ['198.51.100.7', '203.0.113.9'])
})

test('respond() denies a residual peer once, and only while the incident is cut', async () => {
  const engine = await engineOf()
  const incident = await handle(engine, findingOf())
  const order = {
    kind: 'residual',
    instance: INSTANCE,
    incident: incident?.id ?? '',
    peers: [peer('198.51.100.7')],
  } as const
  const deliver = (owner: string) =>
    respond(engine.ports, engine.settings, { ...order, peers: [...order.peers] }, engine.invocation(owner))
  await deliver('two')
  await deliver('three')
  assert.deepEqual(engine.cloud.denied, ['203.0.113.9', '198.51.100.7'])
  assert.equal((await incidentOf(engine)).residual.length, 1)
  assert.deepEqual((await incidentOf(engine)).restorePoint?.interfaces[0]?.groups, ['sg-agents'])
})

test('a later finding that changes nothing leaves the time and the proof of the cut alone', async () => {
  const engine = await engineOf()
  const cut = await handle(engine, findingOf())
  engine.clock.advance(60_000)
  const joined = await handle(engine, findingOf({ id: 'f2'.padEnd(64, '0') }))
  assert.deepEqual(joined?.cut, cut?.cut)
  engine.clock.advance(60_000)
  const widened = await handle(engine, findingOf({ id: 'f3'.padEnd(64, '0'), peers: [peer('198.51.100.7')] }))
  assert.equal(widened?.cut.first, cut?.cut.first)
  assert.equal(widened?.cut.at, engine.clock.now())
})
