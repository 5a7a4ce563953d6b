import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Change } from './change.ts'
import { type Engine, engineOf, findingOf, INSTANCE, NOW, VPC } from './engine-fixture.ts'
import { heed } from './heed.ts'
import { incidentKey, loadIncident } from './incident-store.ts'
import { type InstanceRow, inventoryKeys } from './inventory.ts'
import { brokenAt, readJournal } from './journal.ts'
import type { Metrics, Step } from './ports.ts'
import { TrackingTimeouts } from './proof.ts'
import { respond } from './respond.ts'
import { verify } from './verify.ts'
import type { VerifyPorts } from './verify-ports.ts'

const soon = () => AbortSignal.timeout(5000)

function changeOf(over: Partial<Change> = {}): Change {
  return {
    id: 'event-1',
    at: NOW,
    action: 'ModifyNetworkInterfaceAttribute',
    author: 'other',
    by: 'arn:aws:sts::111122223333:assumed-role/agents/i-2',
    touches: ['cut'],
    subjects: ['eni-1', 'sg-agents'],
    tagKeys: [],
    ...over,
  }
}

interface Stage {
  readonly engine: Engine
  readonly counted: string[]
  /** What was asked of the cloud. */
  readonly asked: string[]
  readonly ports: VerifyPorts
  tell(change: Change): ReturnType<typeof heed>
  incident(): Promise<NonNullable<Awaited<ReturnType<typeof loadIncident>>>['incident']>
}

/** An instance that is cut, or not. The step that swaps groups really looks. */
async function stageOf({ cut = true, policy = {} }: { cut?: boolean; policy?: Record<string, unknown> } = {}) {
  const engine = await engineOf({ policy })
  const counted: string[] = []
  const asked: string[] = []
  const metrics: Metrics = { count: name => void counted.push(name) }
  const steps = engine.ports.steps.map((step): Step => {
    if (step.id !== 'swap-groups') return step
    return {
      ...step,
      async verify() {
        asked.push('groups')
        return { holds: engine.cloud.groups[0] === 'sg-quarantine', notes: ['eni-1 is in sg-agents'] }
      },
    }
  })
  const ports: VerifyPorts = {
    ...engine.ports,
    metrics,
    steps,
    instances: {
      async describe(...all) {
        asked.push('instance')
        return engine.ports.instances.describe(...all)
      },
    },
    async readFleet() {
      asked.push('fleet')
      const at = engine.clock.now()
      return { at, account: '111122223333', region: 'eu-west-1', instances: [], interfaces: [], networks: [] }
    },
    prepareQuarantine: async () => 'sg-quarantine',
    readTraffic: async () => ({ windows: [], conversations: [], truncated: false }),
  }
  if (cut)
    await respond(engine.ports, engine.settings, { kind: 'finding', finding: findingOf() }, engine.invocation('one'))
  const settings = { ...engine.settings, tracking: TrackingTimeouts.parse({}), escalateAfterMs: 900_000 }
  const stage: Stage = {
    engine,
    counted,
    asked,
    ports,
    tell: change => heed(ports, settings, change, soon()),
    async incident() {
      const held = await loadIncident(engine.ledger, INSTANCE)
      assert.ok(held)
      return held.incident
    },
  }
  return { ...stage, settings }
}

const linesOf = async ({ engine, incident }: Stage) =>
  (await readJournal(engine.ledger, (await incident()).id)).flatMap(({ lines }) => lines)

test('heed() asks the cloud nothing where a change concerns no incident', async () => {
  const stage = await stageOf()
  for (const change of [
    changeOf({ subjects: ['eni-99', 'sg-9'] }),
    changeOf({ author: 'own' }),
    changeOf({ touches: [] }),
    changeOf({ refused: 'Client.UnauthorizedOperation' }),
  ]) {
    const seen = await stage.tell(change)
    assert.deepEqual(seen, { inScope: 0, networks: 0, incidents: [], failures: [] })
  }
  assert.deepEqual(stage.asked, [])
  assert.deepEqual(stage.engine.sent, [])
  assert.equal((await stage.incident()).alarms, undefined)
})

test('heed() puts what was undone back into the lane, and says who undid it, once however often it is told', async () => {
  const stage = await stageOf()
  stage.engine.cloud.groups = ['sg-agents']
  const seen = await stage.tell(changeOf())
  assert.equal(seen.incidents.length, 1)
  await stage.tell(changeOf())
  await stage.tell(changeOf())
  const { alarms, id } = await stage.incident()
  assert.deepEqual(
    alarms?.map(({ event }) => event),
    ['event-1'],
  )
  const lines = await linesOf(stage)
  assert.equal(lines.filter(({ kind }) => kind === 'reopened').length, 1)
  assert.equal(lines.filter(({ kind }) => kind === 'alarm').length, 1)
  assert.equal(brokenAt(await readJournal(stage.engine.ledger, id)), undefined)
  const [message] = stage.engine.sent
  assert.ok(message)
  await respond({ ...stage.engine.ports, steps: stage.ports.steps }, stage.engine.settings, message.order, {
    owner: 'two',
    remaining: () => 60_000,
  })
  assert.deepEqual(stage.engine.cloud.groups, ['sg-quarantine'])
})

test('two runs at once, by the schedule and by an event, conclude once', async () => {
  const stage = await stageOf()
  stage.engine.cloud.groups = ['sg-agents']
  await Promise.all([
    verify(stage.ports, stage.settings, soon()),
    stage.tell(changeOf({ author: 'cloud' })),
    verify(stage.ports, stage.settings, soon()),
  ])
  const lines = await linesOf(stage)
  assert.equal(lines.filter(({ kind }) => kind === 'reopened').length, 1)
  assert.equal(new Set(stage.engine.sent.map(({ id }) => id)).size, 1)
})

test('heed() asks to be told again of an incident that somebody works on', async () => {
  const stage = await stageOf()
  const held = await loadIncident(stage.engine.ledger, INSTANCE)
  assert.ok(held)
  const claim = { owner: 'somebody', until: NOW + 60_000 }
  await stage.engine.ledger.write(incidentKey(INSTANCE), { ...held.incident, claim }, 'any')
  await assert.rejects(stage.tell(changeOf()), /^RetryableError: Cannot look at fb-\w+ yet: another function holds/)
  stage.engine.clock.advance(60_001)
  stage.engine.cloud.groups = ['sg-agents']
  await stage.tell(changeOf())
  assert.equal((await stage.incident()).steps['swap-groups']?.status, 'failed')
  assert.equal((await stage.incident()).alarms?.length, 1)
})

test('heed() raises an alarm about what guards Firebreak, on every open incident and without any', async () => {
  const guard = { touches: [], guard: 'firebreak-verify', action: 'UpdateFunctionCode', subjects: ['firebreak-verify'] }
  const without = await stageOf({ cut: false })
  await without.tell(changeOf(guard))
  assert.deepEqual(without.counted, ['GuardChanged'])

  const stage = await stageOf()
  await stage.tell(changeOf(guard))
  assert.deepEqual(stage.counted, ['GuardChanged'])
  assert.deepEqual(stage.asked, [])
  const { alarms = [] } = await stage.incident()
  assert.match(alarms[0]?.text ?? '', /^Somebody changed firebreak-verify: UpdateFunctionCode by arn:aws:sts/)
  await stage.tell(changeOf({ ...guard, id: 'event-2', author: 'deployer' }))
  await stage.tell(changeOf({ ...guard, id: 'event-3', author: 'own' }))
  assert.deepEqual(stage.counted, ['GuardChanged'])
  await stage.tell(changeOf({ ...guard, id: 'event-4', refused: 'AccessDenied' }))
  assert.deepEqual(stage.counted, ['GuardChanged', 'GuardChanged'], 'who tried is told of as well')
  assert.equal((await stage.incident()).alarms?.length, 1)
})

test('heed() rings for what guards Firebreak although the ledger is gone', async () => {
  const stage = await stageOf()
  const ledger = {
    ...stage.engine.ledger,
    async list(): Promise<never> {
      throw new Error('ResourceNotFoundException')
    },
  }
  const change = changeOf({ action: 'DeleteTable', touches: [], guard: 'firebreak-ledger', subjects: [] })
  await assert.rejects(heed({ ...stage.ports, ledger }, stage.settings, change, soon()), /ResourceNotFoundException/)
  assert.deepEqual(stage.counted, ['GuardChanged'])
})

test('heed() prepares quarantine groups anew when a rule of one was changed', async () => {
  const stage = await stageOf()
  const rules = { action: 'AuthorizeSecurityGroupIngress', touches: ['cut', 'rules'] } as const
  await stage.tell(changeOf({ ...rules, subjects: ['sg-other'] }))
  assert.equal(stage.asked.length, 0)
  await stage.tell(changeOf({ ...rules, id: 'event-2', subjects: ['sg-quarantine'] }))
  assert.deepEqual(stage.counted.slice(0, 1), ['GuardChanged'])
  assert.ok(stage.asked.includes('fleet') && stage.asked.includes('groups'))
})

test('heed() reads the fleet once for changes that come in a burst', async () => {
  const stage = await stageOf({ cut: false })
  const launched = { action: 'RunInstances', touches: ['fleet'] } as const
  stage.engine.clock.advance(5000)
  await stage.tell(changeOf(launched))
  await stage.tell(changeOf({ ...launched, id: 'event-2', at: NOW + 4000 }))
  assert.deepEqual(stage.asked, ['fleet'])
  await stage.tell(changeOf({ ...launched, id: 'event-3', at: NOW + 4001 }))
  assert.deepEqual(stage.asked, ['fleet', 'fleet'], 'in the second in which it was read it may have been too early')
})

test('heed() tells of a tag that decides over an instance in scope, and of no other', async () => {
  const stage = await stageOf({ policy: { modes: [{ scope: 'env=test', mode: 'observe' }] } })
  const row = (instance: string, scopedAt?: number): InstanceRow => ({
    instance,
    account: '111122223333',
    region: 'eu-west-1',
    vpc: VPC,
    launchedAt: NOW,
    tags: {},
    interfaces: [],
    seenAt: NOW,
    ...(scopedAt === undefined ? {} : { scopedAt }),
  })
  await stage.engine.ledger.write(inventoryKeys.instance(INSTANCE), row(INSTANCE, NOW), 'any')
  await stage.engine.ledger.write(inventoryKeys.instance('i-other'), row('i-other'), 'any')
  const tags = { action: 'DeleteTags', touches: ['tags'] } as const
  await stage.tell(changeOf({ ...tags, subjects: [INSTANCE], tagKeys: ['Name'] }))
  await stage.tell(changeOf({ ...tags, subjects: ['i-other', 'i-unknown'], tagKeys: ['firebreak:scope'] }))
  assert.deepEqual(stage.counted, [])
  assert.deepEqual(stage.asked, [])
  for (const [index, key] of ['firebreak:scope', 'firebreak:exempt', 'env'].entries())
    await stage.tell(changeOf({ ...tags, id: `event-${index}`, subjects: [INSTANCE], tagKeys: [key] }))
  assert.deepEqual(stage.counted, ['ScopeTagChanged', 'ScopeTagChanged', 'ScopeTagChanged'])
  const { alarms = [] } = await stage.incident()
  await stage.tell(
    changeOf({ ...tags, id: 'event-9', author: 'deployer', subjects: [INSTANCE], tagKeys: ['firebreak:scope'] }),
  )
  assert.equal(stage.counted.length, 3)
  assert.equal((await stage.incident()).alarms?.length, 3)
  assert.equal(alarms.length, 3)
  assert.match(alarms[0]?.text ?? '', /^The tags that decide over the instance were changed: DeleteTags by /)
})

test('whoever makes noise fills neither the row nor the journal of an incident', async () => {
  const stage = await stageOf()
  for (let index = 0; index < 50; index++) await stage.tell(changeOf({ id: `event-${index}` }))
  assert.equal((await stage.incident()).alarms?.length, 32)
  assert.equal((await linesOf(stage)).filter(({ kind }) => kind === 'alarm').length, 32)
  stage.engine.clock.advance(3_600_001)
  await stage.tell(changeOf({ id: 'event-late' }))
  const { alarms = [] } = await stage.incident()
  assert.equal(alarms.length, 32)
  assert.equal(alarms.at(-1)?.event, 'event-late')
})

test('a change that does not say what it concerns is a reason to look at every open incident', async () => {
  const stage = await stageOf()
  stage.engine.cloud.groups = ['sg-agents']
  await stage.tell(changeOf({ action: 'ReplaceNetworkAclAssociation', touches: ['every'], subjects: ['aclassoc-1'] }))
  assert.equal((await stage.incident()).steps['swap-groups']?.status, 'failed')
  assert.equal((await stage.incident()).alarms, undefined)
})

test('heed() asks to be told again where it could not look', async () => {
  const stage = await stageOf()
  const instances = {
    async describe(): Promise<undefined> {
      throw new Error('RequestLimitExceeded')
    },
  }
  await assert.rejects(
    heed({ ...stage.ports, instances }, stage.settings, changeOf(), soon()),
    /^RetryableError: Cannot look at all that ModifyNetworkInterfaceAttribute concerns: incident fb-\w+: /,
  )
})
