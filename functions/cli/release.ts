import { setTimeout as sleep } from 'node:timers/promises'
import { driftedSteps, driftText, type StepDrift } from '../core/drift.ts'
import type { Incident } from '../core/incident.ts'
import { loadIncident } from '../core/incident-store.ts'
import { readJournal } from '../core/journal.ts'
import type { Ledger } from '../core/ports.ts'

/** What became of a release that stands in its lane. */
export type Released =
  | { readonly outcome: 'released'; readonly lines: readonly string[] }
  | { readonly outcome: 'refused'; readonly drifts: readonly StepDrift[] }
  /** Not done within the time that was waited. */
  | { readonly outcome: 'waiting' }

const LOOK_MS = 500

/** Waits until the lane has carried a release out or refused it. `after`: the journal's last entry before it was asked for. */
export async function awaitRelease(
  ledger: Ledger,
  asked: { readonly instance: string; readonly incident: string; readonly after: number },
  seconds: number,
): Promise<Released> {
  const until = performance.now() + seconds * 1000
  for (;;) {
    const incident = (await loadIncident(ledger, asked.instance))?.incident
    const entries = (await readJournal(ledger, asked.incident)).filter(({ sequence }) => sequence > asked.after)
    const lines = entries.flatMap(entry => entry.lines)
    // An incident that is no longer the newest is closed.
    if (incident?.id !== asked.incident || incident.closedAt !== undefined) {
      const told = lines.filter(({ kind }) => kind === 'released' || kind === 'closed')
      return { outcome: 'released', lines: told.map(({ step, text }) => (step ? `${step}: ${text}` : text)) }
    }
    // The one that stands on the incident may be older than the request.
    if (incident.releaseRefused && lines.some(({ kind }) => kind === 'refused'))
      return { outcome: 'refused', drifts: incident.releaseRefused.drifts }
    if (performance.now() >= until) return { outcome: 'waiting' }
    await sleep(LOOK_MS)
  }
}

export function saidOf(instance: string, incident: string, released: Released): string {
  const which = `${instance} (${incident})`
  if (released.outcome === 'waiting')
    return `The release of ${which} is in its lane and not done yet: see npx firebreak operate status ${incident}\n`
  if (released.outcome === 'released')
    return `${which} is released\n${released.lines.map(line => `    ${line}\n`).join('')}`
  const { drifts } = released
  return [
    `The release of ${which} is refused, and nothing is put back. Somebody else changed since the cut:`,
    ...drifts.map(one => `    ${one.step}: ${driftText(one)}`),
    'To put back what was there before the cut in spite of it:',
    `    ${forcing(incident, drifts)}`,
    '',
  ].join('\n')
}

/** A refusal that stands on an incident, for its status. */
export function refusedSaid({ id, closedAt, releaseRefused }: Incident): string[] {
  if (!releaseRefused || closedAt !== undefined) return []
  const { by, at, drifts } = releaseRefused
  return [
    `The release that ${by} asked for at ${new Date(at).toISOString()} was refused. Somebody else changed since the cut:`,
    ...drifts.map(one => `    ${one.step}: ${driftText(one)}`),
    `To release in spite of it: ${forcing(id, drifts)}`,
  ]
}

function forcing(incident: string, drifts: readonly StepDrift[]): string {
  const force = driftedSteps(drifts).map(step => `--force ${step}`)
  return `npx firebreak operate release ${incident} ${force.join(' ')}`
}
