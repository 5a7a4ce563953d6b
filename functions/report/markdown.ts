import type { Exhibit } from '../core/finding.ts'
import { MAX_ROWS } from './axis.ts'
import { escaped } from './escape.ts'
import type { ReportInput } from './input.ts'
import { type Moment, type Story, storyOf } from './story.ts'
import { bytesOf, counted, durationOf, plain, protocolOf, timeOf } from './text.ts'
import { kindOf } from './timeline.ts'

/** Trackers take some 64 K characters (GitHub 65,536); what is left out is said, and the HTML page has it all. */
const MAX_LENGTH = 60_000
const MAX_LINES = 40

/** The incident for a ticket, in GitHub-flavoured Markdown, most urgent first. Text from outside starts no markup. */
export function markdown(input: ReportInput): string {
  const story = storyOf(input)
  const { incident, situation, title, now } = story
  const sections = [
    `# ${escaped(title)}`,
    incident.drill ? '**This is a drill**: an exercise on an instance that is marked for it. Nobody broke out.' : '',
    [`**${situation.label}.** ${situation.meaning}`, ...items(story.reasons)].join('\n'),
    section('What now', nowLines(story)),
    section('Why', whyLines(story)),
    section(
      'Facts',
      story.facts.map(([name, value]) => `- **${name}**: ${escaped(value)}`),
    ),
    section('The conversations that gave it away', conversationLines(story)),
    section('Signals', signalLines(story)),
    section('What was done', stepLines(story)),
    section('Evidence', evidenceLines(story)),
    section('What is not covered', gapLines(story)),
    section('Peers and shared network ACLs', denialLines(story)),
    section('Undo without Firebreak', undoLines(story)),
    section('Timeline', timelineLines(story)),
    section('Restore point', restoreLines(story)),
    `${story.chain.intact ? '' : '**Broken chain.** '}${escaped(story.chain.text)}. As of ${timeOf(now)}.`,
  ]
  return bounded(sections.filter(text => text !== ''))
}

function bounded(sections: readonly string[]): string {
  const kept: string[] = []
  let length = 0
  for (const [index, text] of sections.entries()) {
    length += text.length + 2
    if (length > MAX_LENGTH) {
      kept.push(`${counted(sections.length - index, 'section')} left out for length: see the HTML report.`)
      break
    }
    kept.push(text)
  }
  return `${kept.join('\n\n')}\n`
}

function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? '' : [`## ${title}`, '', ...lines].join('\n')
}

function items(texts: readonly string[]): string[] {
  return texts.map(text => `- ${escaped(text)}`)
}

/** The first and the last lines, with a line that says what is missing between them. */
function ends(lines: readonly string[], gap: (missing: number) => string): string[] {
  if (lines.length <= MAX_LINES) return [...lines]
  const half = MAX_LINES / 2
  return [...lines.slice(0, half), gap(lines.length - MAX_LINES), ...lines.slice(-half)]
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  if (rows.length === 0) return []
  const body = rows.slice(0, MAX_LINES).map(cells => `| ${cells.join(' | ')} |`)
  const more = rows.length - MAX_LINES
  return [
    `| ${heads.join(' | ')} |`,
    `|${heads.map(() => '---').join('|')}|`,
    ...body,
    ...(more > 0 ? ['', `${counted(more, 'row')} left out.`] : []),
  ]
}

function nowLines({ situation, commands }: Story): string[] {
  const command = situation.decision && commands[situation.decision]
  const purpose =
    situation.decision === 'approve' ? 'To approve the cut:' : 'To release, which puts back what was there before:'
  return [...items(situation.advice), ...(command ? ['', purpose, '', ...shell([command])] : [])]
}

/** Inside the fence nothing is markup; only a line that starts with the fence would end it. */
function shell(commands: readonly string[]): string[] {
  return ['```sh', ...commands.map(one => plain(one).replaceAll('`', '')), '```']
}

function undoLines({ undo }: Story): string[] {
  const commands = undo.flatMap(one => [`# ${one.step}`, ...one.commands])
  if (commands.length === 0) return []
  return [
    'A release does this and looks before whether somebody else changed anything since; while Firebreak runs it cuts again what is undone by hand. Without it, with rights of your own:',
    '',
    ...shell(ends(commands, missing => `# ${missing} more lines: see the HTML report`)),
  ]
}

function whyLines({ why: { strongest, calls } }: Story): string[] {
  if (strongest.length === 0) return ['No signal stands against the instance.']
  return [
    ...strongest.map(({ points, detail }) => `- **+${points}** ${escaped(detail)}`),
    ...calls.map(
      ({ peer = '', port, detail }) =>
        `- **Tool call** for ${escaped(peer)}${port === undefined ? '' : ` port ${port}`}: ${escaped(detail)}`,
    ),
  ]
}

function conversationLines({ exhibits }: Story): string[] {
  const rows = exhibits
    .slice(0, MAX_ROWS)
    .map(one => [
      `${escaped(one.peer)} ${protocolOf(one.protocol)} port ${one.port}`,
      stripOf(one),
      bytesOf(one.bytesOut),
      bytesOf(one.bytesIn),
    ])
  return table(['Conversation', 'Active minutes, oldest first', 'Out', 'In'], rows)
}

function stripOf({ activity, minute }: Exhibit): string {
  const strip = Array.from(activity, character => (character === '1' ? '█' : '·')).join('')
  return strip === '' ? '' : `${timeOf(minute * 60_000).slice(11, 16)} ${strip}`
}

function signalLines({ signals }: Story): string[] {
  const rows = signals.map(({ points, rule, family, technique, detail, name, peer, port, last }) => [
    `${points > 0 ? '+' : ''}${points}`,
    `${escaped(rule)}, ${family}${technique === undefined ? '' : `, ${escaped(technique)}`}`,
    `${escaped(detail)}${name === undefined ? '' : ` (${escaped(name)})`}`,
    `${peer === undefined ? '' : escaped(peer)}${port === undefined ? '' : ` port ${port}`}`,
    timeOf(last * 1000),
  ])
  return table(['Points', 'Rule', 'What was seen', 'Peer', 'Last seen'], rows)
}

function stepLines({ steps, incident }: Story): string[] {
  if (steps.length === 0) return ['Nothing was changed.']
  return steps.flatMap(([id, step]) => [
    `- **${escaped(id)}**: ${step.status}, ${durationOf(step.at - incident.openedAt)} after opening${step.reason === '' ? '' : `: ${escaped(step.reason)}`}`,
    ...ends(step.done, missing => `${missing} more`).map(text => `  - ${escaped(text)}`),
    ...ends(step.unable, missing => `${missing} more`).map(text => `  - **Not possible:** ${escaped(text)}`),
    ...(step.settled === undefined ? [] : [`  - ${escaped(step.settled)}`]),
    ...Object.entries(step.facts).map(([name, fact]) => `  - ${escaped(name)}: ${escaped(factOf(fact))}`),
  ])
}

function factOf(fact: string | number | boolean | string[]): string {
  return typeof fact === 'object' ? fact.join(', ') : String(fact)
}

function evidenceLines({ evidence: { folder, files } }: Story): string[] {
  if (files.length === 0) return []
  const rows = files.map(({ name, bytes, sha256 }) => [escaped(name), bytesOf(bytes), sha256])
  return [`In ${escaped(folder)}; a release leaves it there.`, '', ...table(['File', 'Size', 'SHA-256'], rows)]
}

function gapLines({ gaps }: Story): string[] {
  if (gaps.length === 0) return ['No step has named anything beyond the state of the cut above.']
  return ends(items(gaps), missing => `- ${missing} more`)
}

function denialLines({ denials }: Story): string[] {
  const rows = denials.map(({ peer, acl, allowed, reason }) => [
    escaped(peer),
    escaped(acl),
    allowed ? 'permitted' : 'refused',
    reason === '' && allowed ? 'Nothing stands against it' : escaped(reason),
  ])
  return table(['Peer', 'Network ACL', 'Deny', 'Why'], rows)
}

/** What went wrong is told whatever else there is no room for. */
const URGENT: readonly Moment['kind'][] = ['failed', 'reopened', 'escalated', 'alarm', 'refused']

function timelineLines({ timeline }: Story): string[] {
  const line = (moment: Moment) =>
    `- ${timeOf(moment.at)} **${kindOf(moment)}** ${moment.step === undefined ? '' : `${escaped(moment.step)}: `}${escaped(moment.text)}`
  if (timeline.length <= MAX_LINES) return timeline.map(line)
  const half = MAX_LINES / 2
  const between = timeline.slice(half, -half)
  const urgent = between.filter(({ kind }) => URGENT.includes(kind)).slice(-MAX_LINES)
  const missing = between.length - urgent.length
  return [
    ...timeline.slice(0, half).map(line),
    ...(missing > 0 ? [`- … ${missing} lines left out: see the HTML report or the journal`] : []),
    ...urgent.map(line),
    ...timeline.slice(-half).map(line),
  ]
}

function restoreLines({ incident: { restorePoint, quarantine } }: Story): string[] {
  if (!restorePoint) return []
  const rows = restorePoint.interfaces.map(({ id, groups, addresses, publicAddresses, subnet }) => [
    escaped(id),
    escaped(groups.join(', ')),
    escaped([...addresses, ...publicAddresses.map(({ address }) => address)].join(', ')),
    escaped(subnet),
  ])
  return [
    ...table(['Interface', 'Security groups', 'Addresses', 'Subnet'], rows),
    '',
    `Volumes: ${escaped(restorePoint.volumes.map(({ id, device }) => `${id} ${device}`).join(', '))}. ` +
      `Quarantine group: ${quarantine === undefined ? 'none was recorded' : escaped(quarantine)}.`,
  ]
}
