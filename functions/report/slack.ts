import { type Block, type Section, type Span, spaced } from './blocks.ts'
import { fitted } from './fitting.ts'
import type { ReportInput } from './input.ts'
import { plain, shortened } from './text.ts'

/**
 * Slack's rich text (https://docs.slack.dev/reference/block-kit/blocks/rich-text-block): text elements are shown as they are,
 * where mrkdwn, which has no escape for `*` and `_`, would be read. Mentions and links need elements that are not made here.
 */
interface TextElement {
  readonly type: 'text'
  readonly text: string
  readonly style?: { readonly bold: true }
}
interface Line {
  readonly type: 'rich_text_section'
  readonly elements: readonly TextElement[]
}
type Element =
  | Line
  | {
      readonly type: 'rich_text_list'
      readonly style: 'bullet'
      readonly indent: 0 | 1
      readonly elements: readonly Line[]
    }
  | { readonly type: 'rich_text_preformatted'; readonly elements: readonly TextElement[] }

type Part =
  | {
      readonly type: 'header'
      readonly text: { readonly type: 'plain_text'; readonly text: string; readonly emoji: false }
    }
  | { readonly type: 'rich_text'; readonly elements: readonly Element[] }

/** The list's own characters. */
const AROUND = 10

/** A message is read in a channel: long texts are for the report. */
const MAX_TEXT = 400

/** Behind a paragraph. */
const BREAK = '\n'

/** Of a header block. */
const MAX_HEADER = 150

/** The incident as Slack's blocks, whose JSON is no longer than `limit`: one header and one block a section. */
export function slack(input: ReportInput, limit: number): string {
  const heading = (title: string): Part => ({
    type: 'header',
    text: { type: 'plain_text', text: shortened(plain(title), MAX_HEADER), emoji: false },
  })
  const section = (one: Section): Part => ({ type: 'rich_text', elements: elementsOf(one) })
  return JSON.stringify(fitted(input, limit - AROUND, heading, section, part => JSON.stringify(part).length + 1))
}

function elementsOf({ title, blocks }: Section): Element[] {
  return [...(title === undefined ? [] : [line([{ strong: title }])]), ...blocks.flatMap(blockOf)]
}

function blockOf(block: Block): Element[] {
  switch (block.kind) {
    case 'paragraph':
      return [line([...block.spans, { text: BREAK }])]
    case 'list':
      return block.items.flatMap(({ spans, under = [] }) => [
        list(0, [spans]),
        ...(under.length === 0 ? [] : [list(1, under)]),
      ])
    case 'table':
      return [
        list(
          0,
          block.rows.map(cells => [{ text: cells.map(cell => cell || '–').join(' · ') }]),
        ),
      ]
    case 'code':
      return [{ type: 'rich_text_preformatted', elements: [{ type: 'text', text: block.lines.map(plain).join('\n') }] }]
  }
}

function list(indent: 0 | 1, lines: readonly (readonly Span[])[]): Element {
  return { type: 'rich_text_list', style: 'bullet', indent, elements: lines.map(line) }
}

function line(spans: readonly Span[]): Line {
  const elements = spans.flatMap(elementOf)
  return { type: 'rich_text_section', elements: elements.length > 0 ? elements : [{ type: 'text', text: ' ' }] }
}

/** A text element must not be empty. */
function elementOf(span: Span): TextElement[] {
  const strong = 'strong' in span
  const from = strong ? span.strong : span.text
  const text = from === BREAK ? from : spaced(from, one => shortened(plain(one), MAX_TEXT))
  return text === '' ? [] : [{ type: 'text', text, ...(strong ? { style: { bold: true } as const } : {}) }]
}
