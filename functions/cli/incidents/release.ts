import type { Queued, Shown } from '../../core/answers.ts'
import { driftedSteps, driftText, type StepDrift } from '../../core/drift.ts'
import { InputError } from '../../core/errors.ts'
import type { Incident } from '../../core/incident.ts'
import type { JournalLine } from '../../core/journal.ts'
import { plain } from '../../report/text.ts'
import { type Output, painted } from '../output.ts'
import { withDeployment } from './deployment.ts'
import { preview } from './preview.ts'
import { awaitLane } from './waiting.ts'

export interface ReleaseOptions {
  readonly yes?: boolean
  /** Steps that are put back although somebody else changed since what they had left. */
  readonly force: readonly string[]
  /** Seconds. */
  readonly wait: number
  readonly json?: boolean
}

/** What became of a release that stands in its lane. */
type Released =
  | { readonly outcome: 'released'; readonly releasedBy: string; readonly lines: readonly string[] }
  | { readonly outcome: 'refused'; readonly drifts: readonly StepDrift[] }

/** Says what would be put back, has it confirmed, and puts it back. True once it is carried out. */
export async function releaseIncident(
  id: string,
  { yes, force, wait, json }: ReleaseOptions,
  output: Output,
): Promise<boolean> {
  return withDeployment(async deployment => {
    const shown = await deployment.show(id)
    const { instance, id: incident, closedAt, steps } = shown.incident
    if (closedAt !== undefined) throw new InputError(`Cannot release ${incident}: ${endOf(shown.incident)}`)
    const unknown = force.find(step => steps[step] === undefined)
    if (unknown !== undefined)
      throw new InputError(
        `Cannot force "${unknown}": incident ${incident} has no such step, but ${Object.keys(steps).join(', ')}`,
      )
    output.err(preview(shown, force))
    if (!yes && !(await confirmed(incident, output))) {
      output.err('Nothing is released\n')
      return false
    }
    const ask = async (forced: readonly string[]) => {
      const queued = await deployment.order({
        verb: 'release',
        instance,
        incident,
        ...(forced.length > 0 ? { force: [...forced] } : {}),
      })
      output.err(`Asked for by ${plain(queued.by)}; the lane looks at what changed since, then puts back\n`)
      return { queued, released: wait > 0 ? await awaitLane(deployment, queued, wait, releaseIn) : undefined }
    }
    let { queued, released } = await ask(force)
    if (released?.outcome === 'refused' && !yes && (await confirmedOver(released.drifts, output)))
      ({ queued, released } = await ask([...new Set([...force, ...driftedSteps(released.drifts)])]))
    output.out(
      json ? `${JSON.stringify({ ...queued, ...(released ?? { outcome: 'waiting' }) })}\n` : said(queued, released),
    )
    return released?.outcome === 'released' || (wait === 0 && released === undefined)
  })
}

/** Nothing was put back yet: the one who was asked learns what has drifted, and decides again. */
async function confirmedOver(drifts: readonly StepDrift[], { confirm, err }: Output): Promise<boolean> {
  if (!confirm) return false
  err(`Nothing is put back yet. Somebody else changed since the cut:\n${driftLines(drifts).join('\n')}\n`)
  return confirm(`Put back what was there before the cut in spite of it (${driftedSteps(drifts).join(', ')})? [y/N] `)
}

function driftLines(drifts: readonly StepDrift[]): string[] {
  return drifts.map(one => `    ${plain(`${one.step}: ${driftText(one)}`)}`)
}

async function confirmed(incident: string, { confirm }: Output): Promise<boolean> {
  if (!confirm)
    throw new InputError(
      `Cannot release ${incident} without a person's word: there is no terminal to ask at; --yes says it in a script`,
    )
  return confirm(`Release ${incident}? [y/N] `)
}

function endOf({ closedAt = 0, releasedBy }: Incident): string {
  const by = releasedBy === undefined ? '' : ` and was released by ${releasedBy}`
  return `it is closed since ${new Date(closedAt).toISOString()}${by}`
}

function releaseIn({ incident }: Shown, lines: readonly JournalLine[]): Released | undefined {
  if (incident.closedAt !== undefined) {
    const told = lines.filter(({ kind }) => kind === 'released' || kind === 'closed')
    return {
      outcome: 'released',
      releasedBy: incident.releasedBy ?? '',
      lines: told.map(({ step, text }) => (step ? `${step}: ${text}` : text)),
    }
  }
  // The one that stands on the incident may be older than the request.
  if (incident.releaseRefused && lines.some(({ kind }) => kind === 'refused'))
    return { outcome: 'refused', drifts: incident.releaseRefused.drifts }
  return undefined
}

function said({ instance, id, by }: Queued, released: Released | undefined): string {
  const which = `${plain(instance)} (${plain(id)})`
  if (!released)
    return `The release of ${which} is in its lane and not done yet: see npx firebreak incidents show ${id}\n`
  if (released.outcome === 'released') {
    const first = released.releasedBy === by ? '' : `, as ${plain(released.releasedBy)} asked first`
    return `${painted('green', `${which} is released${first}`)}\n${released.lines.map(line => `    ${plain(line)}\n`).join('')}`
  }
  const { drifts } = released
  return [
    `The release of ${which} is refused, and nothing is put back. Somebody else changed since the cut:`,
    ...driftLines(drifts),
    'To put back what was there before the cut in spite of it:',
    `    npx firebreak incidents release ${id}${driftedSteps(drifts)
      .map(step => ` --force ${step}`)
      .join('')}`,
    '',
  ].join('\n')
}
