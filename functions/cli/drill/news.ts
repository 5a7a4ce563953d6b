import type { Incident } from '../../core/incident.ts'
import { listIncidents } from '../../core/incident-store.ts'
import type { Ledger } from '../../core/ports.ts'
import type { Member } from '../../sandbox/scenario/build.ts'

/** Tells what happened to the incidents since it was last asked, a line each. `tell` is told when as text. */
export function incidentNews(ledger: Ledger, members: readonly Member[], tell: (text: string) => void) {
  const known = new Map<string, Incident>()
  const nameOf = (instance: string) => members.find(one => one.instance === instance)?.name ?? instance

  return async (): Promise<void> => {
    const { held } = await listIncidents(ledger)
    for (const { incident } of held) {
      for (const text of since(known.get(incident.id), incident)) tell(`${nameOf(incident.instance)}: ${text}`)
      known.set(incident.id, incident)
    }
  }
}

function since(before: Incident | undefined, now: Incident): string[] {
  const lines: string[] = []
  for (const { id, decision, score, signals } of now.findings)
    if (!before?.findingIds.includes(id))
      lines.push(`${decision} with ${score} points: ${[...new Set(signals.map(({ rule }) => rule))].join(', ')}`)
  if (before?.verdict !== now.verdict && now.verdict !== 'isolate')
    lines.push(`verdict ${now.verdict}: ${now.verdictReason}`)
  for (const [status, word] of [
    ['done', 'done'],
    ['failed', 'failed'],
    ['reverted', 'taken back'],
  ] as const) {
    const steps = Object.entries(now.steps)
      .filter(([step, record]) => record.status === status && before?.steps[step]?.status !== status)
      // Of a step that found nothing to do there is nothing to tell.
      .filter(([, record]) => status !== 'done' || record.done.length > 0)
      .map(([step]) => step)
    if (steps.length > 0) lines.push(`${word}: ${steps.join(', ')}`)
  }
  const state = before?.cut.state ?? 'none'
  if (state !== now.cut.state) lines.push(now.cut.state === 'cut' ? 'the cut is proven' : `the cut is ${now.cut.state}`)
  if (now.closedAt !== undefined && before?.closedAt === undefined) lines.push('incident closed')
  return lines
}
