import { type Block, type Section, type Span, spaced } from './blocks.ts'
import { fitted } from './fitting.ts'
import type { ReportInput } from './input.ts'
import { plain, shortened } from './text.ts'

const MAX_TEXT = 400

/** The incident for a tracker that knows no markup, no longer than `limit`. */
export function plainText(input: ReportInput, limit: number): string {
  return `${fitted(input, limit, unlinked, sectionOf, part => part.length + 2).join('\n\n')}\n`
}

/**
 * Text from outside where a tracker makes links of addresses and mentions of names by itself, or HTML of `[code]` (ServiceNow's
 * journal fields): U+2060 (word joiner) parts what would be found.
 */
export function unlinked(text: string): string {
  return shortened(plain(text), MAX_TEXT).replaceAll(/@|:(?=\/\/)|www(?=\.)|\[(?=\/?code)|<(?=[a-z/!?])/gi, '$&\u2060')
}

function sectionOf({ title, blocks }: Section): string {
  return [...(title === undefined ? [] : [`== ${title}`]), ...blocks.map(blockOf)].join('\n')
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
      return [block.heads, ...block.rows]
        .map(cells => `- ${cells.map(cell => unlinked(cell) || '-').join('; ')}`)
        .join('\n')
    case 'code':
      return block.lines.map(one => `  ${plain(one)}`).join('\n')
  }
}

function lineOf(spans: readonly Span[]): string {
  return spans.map(span => spaced('strong' in span ? span.strong : span.text, unlinked)).join('')
}
