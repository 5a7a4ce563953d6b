import type { Alert, Coverage, Flow, Load, NameSeen, Rejected, Sink, ToolCall } from '../../core/flow.ts'
import type { LogBatch } from '../../core/source.ts'

/** A sink that keeps all, for tests. */
export function collecting() {
  const flows: Flow[] = []
  const coverage: Coverage[] = []
  const names: NameSeen[] = []
  const alerts: Alert[] = []
  const loads: Load[] = []
  const toolCalls: ToolCall[] = []
  const rejected: Rejected[] = []
  const sink: Sink = {
    flow: flow => flows.push(flow),
    coverage: one => coverage.push(one),
    name: seen => names.push(seen),
    alert: alert => alerts.push(alert),
    load: load => loads.push(load),
    toolCall: call => toolCalls.push(call),
    reject: one => rejected.push(one),
  }
  const counts = () => ({
    flows: flows.length,
    coverage: coverage.length,
    names: names.length,
    alerts: alerts.length,
    loads: loads.length,
    toolCalls: toolCalls.length,
    rejected: rejected.length,
  })
  return { sink, flows, coverage, names, alerts, loads, toolCalls, rejected, counts }
}

export const ACCOUNT = '123456789012'
export const INTERFACE = 'eni-0a1b2c3d4e5f60718'

export function batchOf(messages: readonly string[], { stream = `${INTERFACE}-all`, owner = ACCOUNT } = {}): LogBatch {
  return {
    owner,
    group: '/firebreak/logs',
    stream,
    events: messages.map((message, index) => ({ id: `id-${index}`, timestamp: 1_795_000_000_000, message })),
  }
}
