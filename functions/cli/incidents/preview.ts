import type { Shown } from '../../core/answers.ts'
import { driftText } from '../../core/drift.ts'
import type { Incident } from '../../core/incident.ts'
import { plain, timeOf } from '../../report/text.ts'

/** Lines of one step: a cut of hundreds of entries must not push the question off the screen. */
const MAX_LINES = 5

/**
 * What a release would put back, step by step in its order, and how it stood before the cut. Only respond may look at the instance, so what
 * others changed since is seen when the release is carried out; what an earlier one was refused for is told here.
 */
export function preview({ incident, undo }: Shown, force: readonly string[]): string {
  const standing = Object.entries(incident.steps).filter(
    ([, { status, done }]) => status !== 'reverted' && done.length > 0,
  )
  const steps = undo.flatMap(({ step }) => {
    const done = standing.find(([id]) => id === step)?.[1].done ?? []
    return [
      `  ${plain(step)}${force.includes(step) ? ' (forced)' : ''}`,
      ...done.slice(0, MAX_LINES).map(text => `    - ${plain(text)}`),
      ...(done.length > MAX_LINES ? [`    - and ${done.length - MAX_LINES} more`] : []),
    ]
  })
  const kept = standing.flatMap(([step]) => (undo.some(one => one.step === step) ? [] : [plain(step)]))
  return [
    `A release of ${plain(incident.instance)} (${plain(incident.id)}) takes back, in this order and as far as it can be taken back:`,
    ...(steps.length > 0 ? steps : ['  nothing: no step has changed anything']),
    ...restored(incident),
    ...(kept.length > 0 ? [`What these did stays, as evidence and tickets do: ${kept.join(', ')}.`] : []),
    ...drifted(incident),
    '',
  ].join('\n')
}

function restored({ restorePoint, openedAt }: Incident): string[] {
  if (!restorePoint) return []
  return [
    `How it stood before the cut, as it was written down at ${timeOf(openedAt)}:`,
    ...restorePoint.interfaces.map(({ id, groups }) => `  ${plain(id)} in ${groups.map(plain).join(', ')}`),
  ]
}

function drifted({ releaseRefused }: Incident): string[] {
  if (!releaseRefused)
    return [
      'What others changed since is looked at first; where there is anything, nothing is put back and it is told.',
    ]
  return [
    `The release that ${plain(releaseRefused.by)} asked for at ${timeOf(releaseRefused.at)} was refused, since others had changed:`,
    ...releaseRefused.drifts.map(one => `  ${plain(`${one.step}: ${driftText(one)}`)}`),
    'It is looked at again first; where it still differs and is not forced, nothing is put back.',
  ]
}
