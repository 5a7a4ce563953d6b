import type { Exhibit } from '../core/finding.ts'
import { MAX_ROWS } from './axis.ts'
import { type Block, type Document, type Item, paragraph, type Section, strong, text } from './blocks.ts'
import type { ReportInput } from './input.ts'
import { type Moment, type Story, storyOf } from './story.ts'
import { bytesOf, counted, durationOf, protocolOf, timeOf } from './text.ts'
import { kindOf } from './timeline.ts'

/**
 * The incident for a ticket: what was done and whether it is proven, why, what now, how to undo it, evidence, what failed; then
 * the rest. `most`: so many lines of a list or rows of a table; what is left out between them is said.
 */
export function documentOf(input: ReportInput, most = 40): Document {
  const story = storyOf(input)
  const { incident, situation, chain } = story
  const sections: Section[] = [
    {
      blocks: [
        ...(incident.drill
          ? [
              paragraph(
                strong('This is a drill'),
                text(': an exercise on an instance that is marked for it. Nobody broke out.'),
              ),
            ]
          : []),
        paragraph(strong(`${situation.label}.`), text(` ${situation.meaning}`)),
        ...list(story.reasons.map(textItem)),
      ],
    },
    { title: 'Why', blocks: whyBlocks(story) },
    { title: 'What now', blocks: nowBlocks(story) },
    { title: 'Undo without Firebreak', blocks: undoBlocks(story, most) },
    { title: 'Evidence', blocks: evidenceBlocks(story, most) },
    { title: 'What is not covered', blocks: gapBlocks(story, most) },
    {
      title: 'Facts',
      blocks: list(story.facts.map(([name, value]) => ({ spans: [strong(name), text(`: ${value}`)] }))),
    },
    { title: 'The conversations that gave it away', blocks: conversationBlocks(story, most) },
    { title: 'Signals', blocks: signalBlocks(story, most) },
    { title: 'What was done', blocks: stepBlocks(story, most) },
    { title: 'Peers and shared network ACLs', blocks: denialBlocks(story, most) },
    { title: 'Timeline', blocks: timelineBlocks(story, most) },
    { title: 'Restore point', blocks: restoreBlocks(story, most) },
    {
      blocks: [
        paragraph(
          ...(chain.intact ? [] : [strong('Broken chain.'), text(' ')]),
          text(`${chain.text}. As of ${timeOf(story.now)}.`),
        ),
      ],
    },
  ]
  return { title: story.title, sections: sections.filter(({ blocks }) => blocks.length > 0) }
}

function textItem(line: string): Item {
  return { spans: [text(line)] }
}

function list(items: readonly Item[]): Block[] {
  return items.length === 0 ? [] : [{ kind: 'list', items }]
}

/** The first and the last of them, with one that says what is missing between them. */
function ends<T>(lines: readonly T[], most: number, gap: (missing: number) => T): T[] {
  if (lines.length <= most) return [...lines]
  const half = Math.ceil(most / 2)
  return [...lines.slice(0, half), gap(lines.length - 2 * half), ...lines.slice(-half)]
}

function table(heads: readonly string[], rows: readonly (readonly string[])[], most: number): Block[] {
  if (rows.length === 0) return []
  const more = rows.length - most
  return [
    { kind: 'table', heads, rows: rows.slice(0, most) },
    ...(more > 0 ? [paragraph(text(`${counted(more, 'row')} left out.`))] : []),
  ]
}

function nowBlocks({ situation, commands }: Story): Block[] {
  const command = situation.decision && commands[situation.decision]
  const purpose =
    situation.decision === 'approve' ? 'To approve the cut:' : 'To release, which puts back what was there before:'
  return [
    ...list(situation.advice.map(textItem)),
    ...(command ? [paragraph(text(purpose)), { kind: 'code', lines: [command] } satisfies Block] : []),
  ]
}

function undoBlocks({ undo }: Story, most: number): Block[] {
  const commands = undo.flatMap(one => [`# ${one.step}`, ...one.commands])
  if (commands.length === 0) return []
  return [
    paragraph(
      text(
        'A release does this and looks before whether somebody else changed anything since; while Firebreak runs it cuts again what is undone by hand. Without it, with rights of your own:',
      ),
    ),
    { kind: 'code', lines: ends(commands, most, missing => `# ${missing} more lines: see the HTML report`) },
  ]
}

function whyBlocks({ why: { strongest, calls } }: Story): Block[] {
  if (strongest.length === 0) return [paragraph(text('No signal stands against the instance.'))]
  return list([
    ...strongest.map(({ points, detail }) => ({ spans: [strong(`+${points}`), text(` ${detail}`)] })),
    ...calls.map(({ peer = '', port, detail }) => ({
      spans: [strong('Tool call'), text(` for ${peer}${port === undefined ? '' : ` port ${port}`}: ${detail}`)],
    })),
  ])
}

function conversationBlocks({ exhibits }: Story, most: number): Block[] {
  const rows = exhibits
    .slice(0, MAX_ROWS)
    .map(one => [
      `${one.peer} ${protocolOf(one.protocol)} port ${one.port}`,
      stripOf(one),
      bytesOf(one.bytesOut),
      bytesOf(one.bytesIn),
    ])
  return table(['Conversation', 'Active minutes, oldest first', 'Out', 'In'], rows, most)
}

function stripOf({ activity, minute }: Exhibit): string {
  const strip = Array.from(activity, character => (character === '1' ? '█' : '·')).join('')
  return strip === '' ? '' : `${timeOf(minute * 60_000).slice(11, 16)} ${strip}`
}

function signalBlocks({ signals }: Story, most: number): Block[] {
  const rows = signals.map(({ points, rule, family, technique, detail, name, peer, port, last }) => [
    `${points > 0 ? '+' : ''}${points}`,
    `${rule}, ${family}${technique === undefined ? '' : `, ${technique}`}`,
    `${detail}${name === undefined ? '' : ` (${name})`}`,
    `${peer ?? ''}${port === undefined ? '' : ` port ${port}`}`,
    timeOf(last * 1000),
  ])
  return table(['Points', 'Rule', 'What was seen', 'Peer', 'Last seen'], rows, most)
}

function stepBlocks({ steps, incident }: Story, most: number): Block[] {
  if (steps.length === 0) return [paragraph(text('Nothing was changed.'))]
  return list(
    steps.map(([id, step]) => ({
      spans: [
        strong(id),
        text(
          `: ${step.status}, ${durationOf(step.at - incident.openedAt)} after opening${step.reason === '' ? '' : ': '}`,
        ),
        text(step.reason),
      ],
      under: [
        ...ends(step.done, most, missing => `${missing} more`).map(line => [text(line)]),
        ...ends(step.unable, most, missing => `${missing} more`).map(line => [
          strong('Not possible:'),
          text(` ${line}`),
        ]),
        ...(step.settled === undefined ? [] : [[text(step.settled)]]),
        ...Object.entries(step.facts).map(([name, fact]) => [text(`${name}: ${factOf(fact)}`)]),
      ],
    })),
  )
}

function factOf(fact: string | number | boolean | string[]): string {
  return typeof fact === 'object' ? fact.join(', ') : String(fact)
}

function evidenceBlocks({ evidence: { folder, files } }: Story, most: number): Block[] {
  if (files.length === 0) return []
  const rows = files.map(({ name, bytes, sha256 }) => [name, bytesOf(bytes), sha256])
  return [
    paragraph(text(`In ${folder}; a release leaves it there.`)),
    ...table(['File', 'Size', 'SHA-256'], rows, most),
  ]
}

function gapBlocks({ gaps }: Story, most: number): Block[] {
  if (gaps.length === 0) return [paragraph(text('No step has named anything beyond the state of the cut above.'))]
  return list(ends(gaps, most, missing => `${missing} more`).map(textItem))
}

function denialBlocks({ denials }: Story, most: number): Block[] {
  const rows = denials.map(({ peer, acl, allowed, reason }) => [
    peer,
    acl,
    allowed ? 'permitted' : 'refused',
    reason === '' && allowed ? 'Nothing stands against it' : reason,
  ])
  return table(['Peer', 'Network ACL', 'Deny', 'Why'], rows, most)
}

/** What went wrong is told whatever else there is no room for. */
const URGENT: readonly Moment['kind'][] = ['failed', 'reopened', 'escalated', 'alarm', 'refused']

function timelineBlocks({ timeline }: Story, most: number): Block[] {
  const line = (moment: Moment): Item => ({
    spans: [
      text(`${timeOf(moment.at)} `),
      strong(kindOf(moment)),
      text(moment.step === undefined ? ' ' : ` ${moment.step}: `),
      text(moment.text),
    ],
  })
  if (timeline.length <= most) return list(timeline.map(line))
  const half = Math.ceil(most / 2)
  const between = timeline.slice(half, -half)
  const urgent = between.filter(({ kind }) => URGENT.includes(kind)).slice(-most)
  const missing = between.length - urgent.length
  return list([
    ...timeline.slice(0, half).map(line),
    ...(missing > 0 ? [textItem(`… ${missing} lines left out: see the HTML report or the journal`)] : []),
    ...urgent.map(line),
    ...timeline.slice(-half).map(line),
  ])
}

function restoreBlocks({ incident: { restorePoint, quarantine } }: Story, most: number): Block[] {
  if (!restorePoint) return []
  const rows = restorePoint.interfaces.map(({ id, groups, addresses, publicAddresses, subnet }) => [
    id,
    groups.join(', '),
    [...addresses, ...publicAddresses.map(({ address }) => address)].join(', '),
    subnet,
  ])
  const volumes = restorePoint.volumes.map(({ id, device }) => `${id} ${device}`).join(', ')
  return [
    ...table(['Interface', 'Security groups', 'Addresses', 'Subnet'], rows, most),
    paragraph(text(`Volumes: ${volumes}. Quarantine group: ${quarantine ?? 'none was recorded'}.`)),
  ]
}
