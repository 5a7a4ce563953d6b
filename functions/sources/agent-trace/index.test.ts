import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { ToolCall } from '../../core/flow.ts'
import { batchOf, collecting } from '../envelopes/sink-fixture.ts'
import { agentTrace } from './index.ts'

const T = 1_795_000_000
const instance = 'i-0a1b2c3d4e5f60718'
const call: ToolCall = {
  instance,
  tool: 'shell',
  command: 'ssh -R 8022:localhost:22 203.0.113.10',
  episode: 'e-7',
  start: T,
  end: T + 4,
}

const plain = { instance, time: T, end: T + 4, tool: 'shell', command: call.command, episode: 'e-7' }
const list = (attributes: Readonly<Record<string, string>>) =>
  Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }))
const attributes = {
  'gen_ai.operation.name': 'execute_tool',
  'gen_ai.tool.name': 'shell',
  'gen_ai.tool.call.arguments': call.command,
  'gen_ai.conversation.id': 'e-7',
}
const times = { startTimeUnixNano: `${T}000000000`, endTimeUnixNano: `${T + 4}500000000` }
const span = { traceId: 'a', spanId: 'b', name: 'execute_tool shell', ...times, attributes }
const resource = { attributes: { 'host.id': instance, 'service.name': 'agent' } }
const otlp = {
  resourceSpans: [
    {
      resource: { attributes: list(resource.attributes) },
      scopeSpans: [
        {
          scope: { name: 'agent' },
          spans: [
            { ...span, attributes: list(attributes) },
            { ...span, name: 'chat', attributes: list({ 'gen_ai.operation.name': 'chat' }) },
          ],
        },
      ],
    },
  ],
}

function decode(messages: readonly unknown[], stream = 'agent') {
  const seen = collecting()
  agentTrace.open({})(
    batchOf(
      messages.map(message => (typeof message === 'string' ? message : JSON.stringify(message))),
      { stream },
    ),
    seen.sink,
  )
  return seen
}

test('a call is the same from a plain line, a span and OTLP', () => {
  assert.deepEqual(decode([plain, { ...span, resource }, otlp]).toolCalls, [call, call, call])
})

test('a plain line may name its time as text, its command as words, and its instance by its stream', () => {
  const line = { time: '2026-11-18T11:06:40Z', tool: 'shell', command: ['ls', '-l'] }
  const expected = { instance, tool: 'shell', command: 'ls -l', episode: undefined, start: T, end: T }
  assert.deepEqual(decode([line], instance).toolCalls, [expected])
  assert.deepEqual(decode([line], `${instance}/agent.log`).toolCalls, [expected])
})

test('a stream named after one instance tells of no other', () => {
  const { toolCalls, rejected } = decode([{ ...plain, instance: 'i-0b1b2c3d4e5f60718' }, plain, otlp], instance)
  assert.equal(toolCalls.length, 2)
  assert.match(rejected[0]?.reason ?? '', /instance is "i-0b1b2c3d4e5f60718", its stream is of "i-0a1b2c3d4e5f60718"/)
})

test('a long command is kept in part', () => {
  assert.equal(decode([{ ...plain, command: 'x'.repeat(500_000) }]).toolCalls[0]?.command.length, 1024)
})

test('what cannot be read is rejected with its reason and the rest goes on', () => {
  const broken = ['{', '[]', '7', {}, { ...plain, time: 0 }, { ...plain, instance: 'host-1' }, { ...plain, tool: '' }]
  const spans = [{ ...span, startTimeUnixNano: 'x', resource }, span]
  const { toolCalls, rejected } = decode([plain, ...broken, ...spans, plain])
  assert.equal(toolCalls.length, 2)
  assert.equal(rejected.length, broken.length + spans.length)
  for (const { reason } of rejected) assert.ok(reason.startsWith('Cannot parse agent trace: '), reason)
})

test('decode throws nothing', () => {
  const shaped = [plain, { ...span, resource }].map(base =>
    fc
      .dictionary(fc.constantFrom(...Object.keys(base)), fc.jsonValue())
      .map(one => JSON.stringify({ ...base, ...one })),
  )
  const spans = fc.jsonValue().map(resourceSpans => JSON.stringify({ resourceSpans }))
  fc.assert(
    fc.property(fc.oneof(...shaped, spans, fc.json(), fc.string()), message => {
      const { toolCalls, rejected } = decode([message])
      assert.ok(toolCalls.length + rejected.length <= 1)
    }),
    { numRuns: 2000 },
  )
})
