import { type Block, type Section, type Span, spaced } from './blocks.ts'
import { fitted } from './fitting.ts'
import type { ReportInput } from './input.ts'
import { plain, shortened } from './text.ts'

/**
 * A node of the Atlassian Document Format (https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/).
 * Text stands in nodes of its own and is never read as markup, so mentions and links need nodes that are not made here.
 */
interface Node {
  readonly type: string
  readonly version?: 1
  readonly attrs?: Readonly<Record<string, string | number>>
  readonly content?: readonly Node[]
  readonly text?: string
  readonly marks?: readonly { readonly type: 'strong' }[]
}

const MAX_TEXT = 800

/** The document's own characters. */
const AROUND = 60

/** The incident as an ADF document, whose JSON is no longer than `limit`. */
export function adf(input: ReportInput, limit: number): string {
  const lengthOf = (nodes: readonly Node[]) => JSON.stringify(nodes).length
  const parts = fitted(input, limit - AROUND, title => [heading(1, title)], nodesOf, lengthOf)
  return JSON.stringify({ type: 'doc', version: 1, content: parts.flat() } satisfies Node)
}

function nodesOf({ title, blocks }: Section): Node[] {
  return [...(title === undefined ? [] : [heading(2, title)]), ...blocks.map(nodeOf)]
}

function nodeOf(block: Block): Node {
  switch (block.kind) {
    case 'paragraph':
      return paragraph(block.spans)
    case 'list':
      return list(
        block.items.map(({ spans, under = [] }) => [
          paragraph(spans),
          ...(under.length === 0 ? [] : [list(under.map(one => [paragraph(one)]))]),
        ]),
      )
    case 'table':
      return {
        type: 'table',
        content: [row('tableHeader', block.heads), ...block.rows.map(cells => row('tableCell', cells))],
      }
    case 'code':
      return { type: 'codeBlock', attrs: { language: 'bash' }, content: textOf(block.lines.map(plain).join('\n')) }
  }
}

function heading(level: number, title: string): Node {
  return { type: 'heading', attrs: { level }, content: textOf(shortened(plain(title), MAX_TEXT)) }
}

function list(items: readonly (readonly Node[])[]): Node {
  return { type: 'bulletList', content: items.map(content => ({ type: 'listItem', content })) }
}

function row(type: 'tableHeader' | 'tableCell', cells: readonly string[]): Node {
  return { type: 'tableRow', content: cells.map(cell => ({ type, content: [paragraph([{ text: cell }])] })) }
}

function paragraph(spans: readonly Span[]): Node {
  return { type: 'paragraph', content: spans.flatMap(spanOf) }
}

function spanOf(span: Span): Node[] {
  if (!('strong' in span)) return textOf(spaced(span.text, lineOf))
  return textOf(spaced(span.strong, lineOf)).map(node => ({ ...node, marks: [{ type: 'strong' }] }))
}

function lineOf(from: string): string {
  return shortened(plain(from), MAX_TEXT)
}

/** A text node must not be empty. */
function textOf(from: string): Node[] {
  return from === '' ? [] : [{ type: 'text', text: from }]
}
