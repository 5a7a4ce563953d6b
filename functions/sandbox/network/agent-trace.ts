import type { Built } from '../scenario/build.ts'
import type { ToolCallSpec } from '../scenario/scenario.ts'
import { createPacker, type Delivery } from './delivery.ts'

const GROUP = '/firebreak/sandbox/agent-trace'
/** A span is written when it ends; what collects spans sends them on every few seconds. */
const DELAY_MS = 5000
/** Far from the numbers of the other logs' events: no id comes twice. */
const FIRST_ID = 500_000_000

/**
 * What the agents' own runtime logs of their tool calls: OpenTelemetry spans, a stream an instance. The cut does not
 * silence it here, so a call after the cut arrives too; nobody's verdict may rest on either.
 */
export function createAgentTrace({ cloud, members }: Built, live: number) {
  const pack = createPacker(cloud.account, FIRST_ID)
  const waiting = members
    .flatMap(({ instance, spec }) =>
      spec.calls.map((call, index) => ({ instance, index, call, ends: live + call.at + call.lasts })),
    )
    .toSorted((a, b) => a.ends - b.ends)

  return {
    group: GROUP,
    /** What has arrived by now, each once. */
    *due(now: number): Generator<Delivery, void> {
      for (let next = waiting[0]; next !== undefined && next.ends + DELAY_MS <= now; next = waiting[0]) {
        waiting.shift()
        const { instance, index, call, ends } = next
        const message = JSON.stringify(spanOf(call, instance, index, live + call.at, ends))
        yield pack('trace', GROUP, instance, [{ timestamp: ends, message }], ends + DELAY_MS)
      }
    },
  }
}

/** The names are OpenTelemetry's semantic conventions for generative AI, "Execute tool span". */
function spanOf({ tool, command, episode }: ToolCallSpec, instance: string, index: number, from: number, to: number) {
  return {
    traceId: episode,
    spanId: `${episode}-${index}`,
    name: `execute_tool ${tool}`,
    kind: 'INTERNAL',
    startTimeUnixNano: nanoseconds(from),
    endTimeUnixNano: nanoseconds(to),
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': tool,
      'gen_ai.tool.call.arguments': command,
      'gen_ai.conversation.id': episode,
    },
    resource: { attributes: { 'host.id': instance, 'service.name': 'agent' } },
  }
}

function nanoseconds(milliseconds: number): string {
  return `${milliseconds}000000`
}
