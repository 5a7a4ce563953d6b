import { type Block, type Section, type Span, spaced } from './blocks.ts'
import { escaped } from './escape.ts'
import { fitted } from './fitting.ts'
import type { ReportInput } from './input.ts'
import { plain } from './text.ts'

/** Trackers take some 64 K characters (GitHub 65,536); what is left out is said, and the HTML page has it all. */
const MAX_LENGTH = 60_000

/** The incident for a ticket, in GitHub-flavoured Markdown, most urgent first. Text from outside starts no markup. */
export function markdown(input: ReportInput, limit = MAX_LENGTH): string {
  const heading = (title: string) => `# ${escaped(title)}`
  return `${fitted(input, limit, heading, sectionOf, part => part.length + 2).join('\n\n')}\n`
}

function sectionOf({ title, blocks }: Section): string {
  return [...(title === undefined ? [] : [`## ${title}`]), ...blocks.map(blockOf)].join('\n\n')
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return lineOf(block.spans)
    case 'list':
      return block.items
        .flatMap(({ spans, under = [] }) => [`- ${lineOf(spans)}`, ...under.map(one => `  - ${lineOf(one)}`)])
        .join('\n')
    case 'table':
      return [
        rowOf(block.heads),
        `|${block.heads.map(() => '---').join('|')}|`,
        ...block.rows.map(cells => rowOf(cells.map(escaped))),
      ].join('\n')
    case 'code':
      return ['```sh', ...block.lines.map(codeOf), '```'].join('\n')
  }
}

function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}

/** Inside the fence nothing is markup; only a line that starts with the fence would end it. */
function codeOf(line: string): string {
  return plain(line).replaceAll('`', '')
}

function lineOf(spans: readonly Span[]): string {
  return spans.map(span => ('strong' in span ? `**${escaped(span.strong)}**` : spaced(span.text, escaped))).join('')
}
