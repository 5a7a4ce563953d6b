import assert from 'node:assert/strict'
import { test } from 'node:test'
import { collecting } from './delivery.ts'
import type { Load, ToolCall } from './flow.ts'
import { instanceKey } from './instance-row.ts'
import { type InstanceRow, inventoryKeys } from './inventory.ts'
import { memoryLedger } from './memory-ledger.ts'
import type { DeadLetter } from './ports.ts'
import type { InstanceView, Rule } from './rule.ts'
import { RuleSettings } from './rule-settings.ts'
import { score } from './score.ts'
import { createWatch } from './watch.ts'

const T = Date.parse('2026-03-05T10:00:00Z')
const second = T / 1000

async function stage() {
  const clock = { now: () => T }
  const ledger = memoryLedger(clock)
  const row = {
    instance: 'i-1',
    account: '111122223333',
    region: 'eu-central-1',
    vpc: 'vpc-1',
    launchedAt: T - 3_600_000,
    tags: {},
    scopedAt: T,
    interfaces: [{ id: 'eni-1', subnet: 's-1', acl: 'acl-1', addresses: ['10.0.0.5'], publicAddresses: [] }],
    seenAt: T,
  } satisfies InstanceRow
  await ledger.write(inventoryKeys.instance('i-1'), row, 'any')
  await ledger.write(inventoryKeys.instance('i-2'), { ...row, instance: 'i-2', scopedAt: 0 }, 'any')
  const views: InstanceView[] = []
  const seeing: Rule = {
    id: 'seeing',
    title: 'Test',
    technique: 'T1059',
    severity: 'low',
    falsePositives: [],
    runbook: [],
    judge(view) {
      views.push(view)
      return []
    },
  }
  const letters: DeadLetter[] = []
  const watch = createWatch(
    {
      clock,
      ledger,
      queue: { send: () => assert.fail('no finding rests on what the host says') },
      deadLetters: { put: async all => void letters.push(...all) },
      log: { info() {}, warn() {}, error() {} },
      metrics: { count() {} },
    },
    { firewalls: {}, exemptInstances: [], dnsCovered: false, rules: RuleSettings.parse({}) },
    { rules: [seeing], score },
  )
  async function hear(calls: readonly ToolCall[], loads: readonly Load[] = []) {
    const { sink, delivery } = collecting('agent-trace', 'group/stream')
    for (const call of calls) sink.toolCall?.(call)
    for (const load of loads) sink.load?.(load)
    return watch(delivery())
  }
  return { hear, views, letters, ledger }
}

const call = (over: Partial<ToolCall> = {}): ToolCall => ({
  instance: 'i-1',
  tool: 'bash',
  command: 'ls',
  episode: 'ep-1',
  start: second - 60,
  end: second - 50,
  ...over,
})

test('watch keeps the tool calls and the load of an instance over deliveries', async () => {
  const { hear, views } = await stage()
  await hear([call({ start: second - 70.5 })])
  await hear(
    [call({ command: 'ssh -R' })],
    [{ instance: 'i-1', of: 'gpu', busy: true, alarm: 'gpu', time: second - 30 }],
  )
  const view = views.at(-1)
  assert.deepEqual(
    view?.toolCalls.map(({ command, start }) => [command, start]),
    [
      ['ls', second - 71],
      ['ssh -R', second - 60],
    ],
  )
  assert.deepEqual(view?.loads, [{ of: 'gpu', alarm: 'gpu', from: second - 30, until: undefined }])
})

test('the same call again writes nothing', async () => {
  const { hear, ledger } = await stage()
  await hear([call()])
  const version = (await ledger.read(instanceKey('i-1')))?.version
  await hear([call(), call()])
  assert.equal((await ledger.read(instanceKey('i-1')))?.version, version)
})

test('calls of an unknown instance, of one out of scope and from before the launch are counted and kept for nobody', async () => {
  const { hear, views } = await stage()
  const before = { start: second - 7200, end: second - 7100 }
  const summary = await hear([call({ instance: 'i-9' }), call({ instance: 'i-2' }), call(before)])
  assert.deepEqual([summary.unattributed, summary.outOfScope, summary.instances], [2, 1, 0])
  assert.equal(views.length, 0)
})

test('a call of the future or that ends before it begins is a dead letter', async () => {
  const { hear, letters } = await stage()
  const summary = await hear([call({ end: second + 3600 }), call({ end: second - 90 }), call({ start: -5 })])
  assert.deepEqual([summary.rejected, letters.length], [3, 3])
  assert.match(letters[0]?.reason ?? '', /future/)
})
