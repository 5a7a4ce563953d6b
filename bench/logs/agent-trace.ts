import { instanceOf, type Sighting } from './fleet.ts'
import { isoOf, nameOf } from './names.ts'

/**
 * An agent's own tool calls: one before each connection that it opens, by turns as a plain line, as a span (OpenTelemetry's
 * GenAI attributes) and as OTLP's JSON.
 */
export function* toolCalls(seen: Sighting): Generator<string> {
  if (!seen.sent || !seen.opened || !seen.outbound) return
  const { tool, command } = callOf(seen)
  const instance = instanceOf(seen.instance)
  const episode = `episode-${seen.instance}-${Math.floor(seen.start / 3600)}`
  const form = seen.ownPort % 10
  if (form < 5)
    yield JSON.stringify({
      instance,
      time: `${isoOf(seen.start)}.000Z`,
      end: `${isoOf(seen.end)}.000Z`,
      tool,
      command,
      episode,
    })
  else if (form < 9)
    yield JSON.stringify({
      ...spanOf(seen, tool),
      kind: 'INTERNAL',
      attributes: Object.fromEntries(attributesOf(tool, command, episode)),
      resource: { attributes: { 'host.id': instance, 'service.name': 'agent' } },
    })
  else {
    const attributes = attributesOf(tool, command, episode).map(([key, stringValue]) => ({
      key,
      value: { stringValue },
    }))
    const resource = { attributes: [{ key: 'host.id', value: { stringValue: instance } }] }
    const spans = [{ ...spanOf(seen, tool), kind: 1, attributes }]
    yield JSON.stringify({ resourceSpans: [{ resource, scopeSpans: [{ scope: { name: 'agent' }, spans }] }] })
  }
}

function callOf(seen: Sighting): { readonly tool: string; readonly command: string } {
  const name = nameOf(seen)
  switch (seen.peerPort) {
    case 53:
      return { tool: 'shell', command: `getent hosts ${name}` }
    case 5432:
      return {
        tool: 'sql',
        command: `select id, state from runs where worker = ${seen.instance} limit ${seen.packets}`,
      }
    default:
      return (
        [
          {
            tool: 'shell',
            command: `pip download --no-deps --index-url https://${name}/simple package-${seen.packets}`,
          },
          {
            tool: 'shell',
            command: `git -C /workspace/repo-${seen.packets} fetch https://${name}/group/repo.git main`,
          },
          { tool: 'browser', command: `https://${name}/docs/${seen.ownPort}` },
          {
            tool: 'python',
            command: `import urllib.request as u\nbody = u.urlopen("https://${name}/v1/items/${seen.ownPort}").read()\nprint(len(body))`,
          },
        ][seen.ownPort % 4] ?? { tool: 'shell', command: 'true' }
      )
  }
}

function spanOf(seen: Sighting, tool: string) {
  const digits = `${seen.start.toString(16)}${seen.instance.toString(16).padStart(4, '0')}${seen.ownPort.toString(16)}`
  return {
    traceId: digits.padStart(32, '0'),
    spanId: digits.slice(-16).padStart(16, '0'),
    name: `execute_tool ${tool}`,
    startTimeUnixNano: `${seen.start}000000000`,
    endTimeUnixNano: `${seen.end}000000000`,
  }
}

function attributesOf(tool: string, command: string, episode: string): readonly (readonly [string, string])[] {
  return [
    ['gen_ai.operation.name', 'execute_tool'],
    ['gen_ai.tool.name', tool],
    ['gen_ai.tool.call.arguments', JSON.stringify({ command })],
    ['gen_ai.conversation.id', episode],
  ]
}
