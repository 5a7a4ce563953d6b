import { viewOf } from './conversation-shape.ts'
import type { Exhibit } from './finding.ts'
import { callViews, loadViews } from './host.ts'
import { type InstanceState, resolved } from './instance-state.ts'
import { nameViews, suffixViews } from './names.ts'
import { probeView } from './probes.ts'
import type { ConversationView, InstanceView, NameView } from './rule.ts'

export type Surroundings = Pick<InstanceView, 'now' | 'instance' | 'prevalence' | 'scopeSize' | 'covered' | 'settings'>

/** What the rules see of a settled state. */
export function instanceView(state: InstanceState, surroundings: Surroundings): InstanceView {
  const { now } = surroundings
  const names = nameViews(state.names)
  const byAddress = new Map<string, NameView[]>()
  for (const name of names)
    for (const address of name.addresses) byAddress.set(address, [...(byAddress.get(address) ?? []), name])
  const when = { now, floor: state.floor, asked: state.host.calls.size > 0 }
  return {
    ...surroundings,
    conversations: resolved(state).map(one => viewOf(one, when, byAddress.get(one.peer) ?? [])),
    names,
    suffixes: suffixViews(state.names),
    alerts: [...state.alerts].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, alert]) => alert),
    toolCalls: callViews(state.host),
    loads: loadViews(state.host),
    probes: { internal: probeView(state.probes.internal, now), external: probeView(state.probes.external, now) },
  }
}

/** A conversation for the report's chart. */
export function exhibitOf(view: ConversationView): Exhibit {
  const { peer, port, protocol, first, last, bytesOut, bytesIn, packetsOut, packetsIn, base, activity } = view
  const minutes = Array.from({ length: 64 }, (_, bit) => ((activity >> BigInt(bit)) & 1n ? '1' : '0')).join('')
  return {
    peer,
    port,
    protocol,
    first,
    last,
    bytesOut,
    bytesIn,
    packetsOut,
    packetsIn,
    minute: base,
    activity: minutes,
  }
}
