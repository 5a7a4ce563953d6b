import { setTimeout as sleep } from 'node:timers/promises'
import type { Shown } from '../../core/answers.ts'
import type { Incident } from '../../core/incident.ts'
import type { JournalEntry } from '../../core/journal.ts'
import { situationOf } from '../../report/situation.ts'
import { clockOf, plain } from '../../report/text.ts'
import { type Output, painted, progress } from '../output.ts'
import { untilSignal } from '../signals.ts'
import type { Deployment } from './deployment.ts'

/** How often the deployment is asked. */
const LOOK_MS = 2000

/**
 * Tells what happens to an incident as it happens, a line each, until it is closed or somebody stops it. On a terminal the last line,
 * on standard error, says how it stands.
 */
export async function watch(
  { show }: Pick<Deployment, 'show'>,
  id: string,
  { json }: { readonly json: boolean },
  output: Output,
): Promise<void> {
  const stop = untilSignal()
  const shown = progress(output, painted('cyan', `${plain(id)}:`, process.stderr))
  let after = 0
  let state = ''
  try {
    while (!stop.signal.aborted) {
      const seen = await show(id, after)
      const { incident, journal } = seen
      for (const line of journal.flatMap(entry => linesOf(entry, json))) output.out(`${line}\n`)
      after = journal.at(-1)?.sequence ?? after
      const now = stateOf(incident)
      if (now !== state)
        output.out(json ? `${JSON.stringify({ at: seen.now, state: now })}\n` : `${clockOf(seen.now)}  ${now}\n`)
      state = now
      shown.say(lastLine(seen))
      if (incident.closedAt !== undefined) return
      await sleep(LOOK_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  } finally {
    stop.off()
    shown.done()
  }
}

function linesOf({ lines, by }: JournalEntry, json: boolean): string[] {
  return lines.map(({ at, kind, step, text }) =>
    json
      ? JSON.stringify({ at, by, kind, ...(step === undefined ? {} : { step }), text })
      : `${clockOf(at)}  ${kind}${step === undefined ? '' : ` ${plain(step)}`}: ${plain(text)}`,
  )
}

function stateOf(incident: Incident): string {
  const { label, meaning } = situationOf(incident)
  return `${label}. ${plain(meaning)}`
}

function lastLine({ incident, now }: Shown): string {
  const steps = Object.values(incident.steps)
  const done = steps.filter(({ status }) => status === 'done').length
  const { label } = situationOf(incident)
  return `${clockOf(now)} UTC, ${label}, ${done} of ${steps.length} steps done; Ctrl-C ends the watch, not the incident`
}
