import type { Exhibit } from '../core/finding.ts'
import type { Incident } from '../core/incident.ts'
import type { Signal } from '../core/signal.ts'

function newestOf<T extends { readonly last: number }>(items: readonly T[], keyOf: (item: T) => string): T[] {
  const byKey = new Map<string, T>()
  for (const item of items) {
    const key = keyOf(item)
    const known = byKey.get(key)
    if (!known || item.last >= known.last) byKey.set(key, item)
  }
  return [...byKey.values()]
}

/** The signals of all findings, each once as it was last seen, strongest first. */
export function signalsOf({ findings }: Incident): Signal[] {
  const all = findings.flatMap(({ signals }) => signals)
  const keyOf = ({ rule, family, peer, port, protocol, name, technique }: Signal) =>
    JSON.stringify([rule, family, peer, port, protocol, name, technique])
  // One rule may hit several times on one conversation (open for 15 minutes, driven from outside): the text tells them apart.
  return newestOf(all, signal => keyOf(signal) + kindOf(signal.detail)).toSorted((a, b) => b.points - a.points)
}

/** The detail without its figures, which grow from one finding to the next. */
function kindOf(detail: string): string {
  return detail.replaceAll(/\d+/g, '0')
}

/** The conversations of all findings, each once as it was last seen, busiest first. */
export function exhibitsOf({ findings }: Incident): Exhibit[] {
  const all = findings.flatMap(({ exhibits }) => exhibits)
  return newestOf(all, ({ peer, port, protocol }) => JSON.stringify([peer, port, protocol])).toSorted(
    (a, b) => b.bytesOut + b.bytesIn - (a.bytesOut + a.bytesIn),
  )
}

/** `reverse tunnel and mining pool`: the rules that speak against the instance, strongest first. */
export function rulesOf(incident: Incident): string[] {
  const against = signalsOf(incident).filter(({ points }) => points > 0)
  const seen = against.filter(({ family }) => family !== 'host')
  // What the host says of itself is no breakout; it stands beside one.
  return [...new Set((seen.length > 0 ? seen : against).map(({ rule }) => rule.replaceAll('-', ' ')))]
}

const MAX_CALLS = 3

/** Why, in a few lines: the strongest signals, and the tool calls that opened the connections of the strongest peers. */
export function reasonsOf(signals: readonly Signal[]): { readonly strongest: Signal[]; readonly calls: Signal[] } {
  const against = signals.filter(({ points }) => points > 0)
  const isCall = ({ family, peer }: Signal) => family === 'host' && peer !== undefined
  const rank = new Map([...against.filter(one => !isCall(one))].reverse().map(({ peer, points }) => [peer, points]))
  // Without points they still name.
  const calls = newestOf(signals.filter(isCall), ({ detail }) => detail)
  return {
    strongest: against.filter(one => !isCall(one)).slice(0, 3),
    calls: calls.toSorted((a, b) => (rank.get(b.peer) ?? 0) - (rank.get(a.peer) ?? 0)).slice(0, MAX_CALLS),
  }
}

/** Seconds since the epoch of the first record that the incident rests on. */
export function firstSeen({ findings }: Incident): number | undefined {
  const firsts = findings.flatMap(({ signals }) => signals.map(({ first }) => first))
  return firsts.length > 0 ? firsts.reduce((least, one) => Math.min(least, one)) : undefined
}
