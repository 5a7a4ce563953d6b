import type { Shown } from '../../core/answers.ts'
import { faultsOf } from '../../core/chain.ts'
import type { Signal } from '../../core/signal.ts'
import { storyOf } from '../../report/story.ts'
import { plain, timeOf } from '../../report/text.ts'
import { type Output, painted, wrapped } from '../output.ts'
import { withDeployment } from './deployment.ts'
import { watch } from './watch.ts'

export interface ShowOptions {
  readonly watch?: boolean
  readonly json?: boolean
}

/** The state, why in three lines, what to do next and what failed. */
export async function showIncident(id: string, { watch: live, json }: ShowOptions, output: Output): Promise<void> {
  await withDeployment(async deployment => {
    if (live) return watch(deployment, id, { json: json ?? false }, output)
    const shown = await deployment.show(id)
    output.out(json ? `${JSON.stringify({ ...shown, faults: faultsIn(shown) })}\n` : said(shown, output.width))
  })
}

export function faultsIn({ incident, journal, unreadable }: Shown) {
  return faultsOf(incident.journal, journal, unreadable)
}

const SHOWN_REASONS = 3
const TONES = { danger: 'red', warning: 'yellow', safe: 'green', calm: 'green' } as const

function said(shown: Shown, width = Number.POSITIVE_INFINITY): string {
  const items = itemsOf(width)
  const section = (title: string, texts: readonly string[]) =>
    texts.length === 0 ? [] : ['', `${title}:`, ...items(texts)]
  const { incident, now } = shown
  const story = storyOf({ ...shown, now })
  const { situation, commands } = story
  const failed = Object.entries(incident.steps).flatMap(([step, { status, reason }]) =>
    status === 'failed' ? [`${step} failed: ${reason}`] : [],
  )
  const command = situation.decision && commands[situation.decision]
  const ended = incident.closedAt === undefined ? '' : `, closed ${timeOf(incident.closedAt)}`
  return [
    painted('bold', plain(story.title)),
    `${plain(incident.id)} in account ${plain(incident.account)}, ${plain(incident.region)}; opened ${timeOf(incident.openedAt)}${ended}`,
    '',
    ...wrapped(`${painted([TONES[situation.tone], 'bold'], `${situation.label}.`)} ${plain(situation.meaning)}`, width),
    ...items(story.reasons),
    ...section('Why', [
      ...story.why.strongest.slice(0, SHOWN_REASONS).map(one => `+${one.points} ${one.detail}${whomOf(one)}`),
      ...story.why.calls.map(({ detail }) => `Tool call: ${detail}`),
    ]),
    ...section('What now', situation.advice),
    ...(command === undefined ? [] : ['', `  ${plain(command)}`]),
    ...section('Failed', failed),
    ...section(
      'Not covered',
      story.gaps.filter(gap => !failed.includes(gap)),
    ),
    '',
    chainSaid(shown),
    '',
  ].join('\n')
}

/** The same may be said of two peers. */
function whomOf({ peer, port }: Signal): string {
  if (peer === undefined) return ''
  return ` (${peer}${port === undefined ? '' : ` port ${port}`})`
}

function itemsOf(width: number) {
  return (texts: readonly string[]): string[] =>
    texts.flatMap(text =>
      wrapped(plain(text), width - 4).map((line, index) => `${index === 0 ? '  - ' : '    '}${line}`),
    )
}

/** Recomputed here, from what the deployment holds. */
function chainSaid(shown: Shown): string {
  const faults = faultsIn(shown)
  const last = shown.journal.at(-1)
  if (faults.length > 0) return painted('red', `JOURNAL BROKEN: ${plain(faults.map(({ text }) => text).join('; '))}`)
  return last ? `Journal intact: ${last.sequence} entries, the last ${last.hash}` : 'The journal has no entry yet'
}
