import { type Block, type Section, type Span, spaced } from './blocks.ts'
import { fitted } from './fitting.ts'
import type { ReportInput } from './input.ts'
import { plain, shortened } from './text.ts'

const MAX_TEXT = 800

/** The incident in Jira's wiki markup (Data Center), no longer than `limit`. Text from outside starts no markup. */
export function wiki(input: ReportInput, limit: number): string {
  const heading = (title: string) => `h1. ${inert(title)}`
  return `${fitted(input, limit, heading, sectionOf, part => part.length + 2).join('\n\n')}\n`
}

/**
 * Text from outside for wiki markup. What has a meaning there becomes a numeric entity, which the renderer hands on and
 * never reads: macros `{code}`, links and mentions `[~name]`, images `!a!`, emphasis, tables, line breaks `\\`, emoticons. A
 * hyphen stays within a word, a colon within a time or an address or before a space.
 */
export function inert(text: string): string {
  return shortened(plain(text), MAX_TEXT).replaceAll(
    /[&<>\\{}[\]|*_+^~?!#@()"%=]|(?<![\p{L}\p{N}])-|-(?![\p{L}\p{N}])|:(?!\s|$|(?<=[0-9a-f:]:)[0-9a-f:])|\bh(?=[1-6]\.)|\bbq(?=\.)|(?<=www)\./giu,
    one => Array.from(one, character => `&#${character.codePointAt(0)};`).join(''),
  )
}

function sectionOf({ title, blocks }: Section): string {
  return [...(title === undefined ? [] : [`h2. ${title}`]), ...blocks.map(blockOf)].join('\n\n')
}

function blockOf(block: Block): string {
  switch (block.kind) {
    case 'paragraph':
      return lineOf(block.spans)
    case 'list':
      return block.items
        .flatMap(({ spans, under = [] }) => [`* ${lineOf(spans)}`, ...under.map(one => `** ${lineOf(one)}`)])
        .join('\n')
    case 'table':
      return [`||${block.heads.join('||')}||`, ...block.rows.map(cells => `|${cells.map(cellOf).join('|')}|`)].join(
        '\n',
      )
    case 'code':
      return ['{code:bash}', ...block.lines.map(codeOf), '{code}'].join('\n')
  }
}

/** An empty cell would make its neighbour a heading. */
function cellOf(cell: string): string {
  return inert(cell) || ' '
}

/** Inside the macro only its own name in braces is read. */
function codeOf(line: string): string {
  return plain(line).replaceAll(/\{(?=code|noformat)/gi, '{\u2060')
}

function lineOf(spans: readonly Span[]): string {
  return spans.map(span => ('strong' in span ? `*${inert(span.strong)}*` : spaced(span.text, inert))).join('')
}
