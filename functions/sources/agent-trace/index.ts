import { InputError, quoted } from '../../core/errors.ts'
import type { Sink, ToolCall } from '../../core/flow.ts'
import type { Source } from '../../core/source.ts'
import { parseRecord } from '../envelopes/fields.ts'
import { instanceOf } from '../envelopes/finding-types.ts'
import { parseJson } from '../envelopes/json.ts'
import { decodeEach, jsonLines } from '../envelopes/json-records.ts'
import { secondsOf } from '../envelopes/time.ts'
import { Export, PlainCall, Span } from './schema.ts'

const WHAT = 'agent trace'

const MAX_COMMAND = 1024

/**
 * The agent's own account of its tool calls. It writes the log, so a call is never more than a pointer; a stream that is
 * named after an instance, as the CloudWatch agent names it, may tell of that instance only.
 */
export const agentTrace: Source = {
  id: 'agent-trace',
  open: () => (batch, sink) => decodeEach(batch, sink, WHAT, message => decode(message, ownerOf(batch.stream), sink)),
  lines: (_settings, sink) => jsonLines(sink, WHAT, line => decode(line, undefined, sink)),
}

function decode(message: string, owner: string | undefined, sink: Sink): void {
  const calls = callsOf(parseJson(message, WHAT), owner)
  for (const call of calls) {
    if (owner !== undefined && call.instance !== owner)
      throw new InputError(
        `Cannot parse ${WHAT}: instance is ${quoted(call.instance)}, its stream is of ${quoted(owner)}`,
      )
  }
  for (const call of calls) sink.toolCall?.(call)
}

function callsOf(record: unknown, owner: string | undefined): ToolCall[] {
  if (typeof record !== 'object' || record === null) throw new InputError(`Cannot parse ${WHAT}: it is no object`)
  if ('resourceSpans' in record)
    return parseRecord(Export, record, WHAT).resourceSpans.flatMap(({ resource, scopeSpans }) =>
      scopeSpans.flatMap(({ spans }) => spans.flatMap(span => fromSpan(span, resource?.attributes, owner))),
    )
  if ('startTimeUnixNano' in record) {
    const span = parseRecord(Span, record, WHAT)
    return fromSpan(span, span.resource?.attributes, owner)
  }
  return [fromPlain(record, owner)]
}

function fromPlain(record: unknown, owner: string | undefined): ToolCall {
  const { instance, time, end, tool, command = '', episode } = parseRecord(PlainCall, record, WHAT)
  const start = timeOf(time)
  return call(instance ?? owner, tool, Array.isArray(command) ? command.join(' ') : command, episode ?? undefined, {
    start,
    end: end === undefined ? start : timeOf(end),
  })
}

/** A span of anything but a tool is none of ours. */
function fromSpan(
  span: Span,
  resource: ReadonlyMap<string, string> | undefined,
  owner: string | undefined,
): ToolCall[] {
  const own = span.attributes
  const tool = own.get('gen_ai.tool.name')
  if (tool === undefined || (own.get('gen_ai.operation.name') ?? 'execute_tool') !== 'execute_tool') return []
  const start = nanosecondsOf(span.startTimeUnixNano)
  const end = span.endTimeUnixNano === undefined ? start : nanosecondsOf(span.endTimeUnixNano)
  const instance = own.get('host.id') ?? resource?.get('host.id') ?? owner
  const command = own.get('gen_ai.tool.call.arguments') ?? own.get('process.command_line') ?? ''
  return [call(instance, tool, command, own.get('gen_ai.conversation.id') ?? own.get('session.id'), { start, end })]
}

function call(
  instance: string | undefined,
  tool: string,
  command: string,
  episode: string | undefined,
  { start, end }: { readonly start: number; readonly end: number },
): ToolCall {
  const known = instanceOf(instance)
  if (known === undefined) throw new InputError(`Cannot parse ${WHAT}: instance is ${quoted(instance)}`)
  return {
    instance: known,
    tool: tool.slice(0, 256),
    command: command.slice(0, MAX_COMMAND),
    episode: episode?.slice(0, 256),
    start,
    end: Math.max(start, end),
  }
}

function timeOf(value: string | number): number {
  const time = secondsOf(value)
  if (time === undefined) throw new InputError(`Cannot parse ${WHAT}: time is ${quoted(value)}`)
  return Math.floor(time)
}

/** Nanoseconds since the epoch lie beyond 2^53; whole seconds of them are enough. */
function nanosecondsOf(value: string | number): number {
  const time = secondsOf(Math.floor(Number(value) / 1e9))
  if (time === undefined) throw new InputError(`Cannot parse ${WHAT}: time is ${quoted(value)}`)
  return time
}

/** The instance that the stream is named after, alone or with more behind a slash or dot. */
function ownerOf(stream: string): string | undefined {
  const end = [...stream].findIndex(character => character === '/' || character === '.')
  return instanceOf(end < 0 ? stream : stream.slice(0, end))
}
