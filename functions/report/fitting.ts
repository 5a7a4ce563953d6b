import type { Block, Section, Span } from './blocks.ts'
import { documentOf } from './document.ts'
import type { ReportInput } from './input.ts'
import { listed, plain, shortened } from './text.ts'

/** Lines of a list and characters of a text: all that a ticket says, then ever less where the tracker's field is too short for it. */
const DEPTHS = [
  { lines: 40, characters: 800 },
  { lines: 10, characters: 400 },
  { lines: 3, characters: 160 },
  { lines: 1, characters: 60 },
] as const

/** For the line that names what is left out, in whatever markup. */
const RESERVE = 500

const MAX_TITLE = 120

/**
 * The title and the sections that fit into `limit` characters, each as long as there is room for it, most urgent first; what
 * there is no room for is named. `lengthOf` counts what stands between parts too.
 */
export function fitted<T>(
  input: ReportInput,
  limit: number,
  heading: (title: string) => T,
  render: (section: Section) => T,
  lengthOf: (rendered: T) => number,
): T[] {
  const [whole, ...shorter] = DEPTHS.map(({ lines, characters }) => {
    const document = documentOf(input, lines)
    return { ...document, sections: document.sections.map(section => shortenedIn(section, characters)) }
  })
  if (!whole) return []
  const parts = [heading(shortened(plain(whole.title), MAX_TITLE))]
  const left: string[] = []
  let room = limit - RESERVE - parts.reduce((length, part) => length + lengthOf(part), 0)
  for (const [index, section] of whole.sections.entries()) {
    const found = [section, ...shorter.map(({ sections }) => sections[index] ?? section)]
      .map(render)
      .find(rendered => lengthOf(rendered) <= room)
    if (found === undefined) {
      left.push(section.title ?? 'the summary')
      continue
    }
    room -= lengthOf(found)
    parts.push(found)
  }
  if (left.length > 0) {
    const said = `Left out for length: ${listed(left)}. The HTML report has it all.`
    parts.push(render({ blocks: [{ kind: 'paragraph', spans: [{ text: said }] }] }))
  }
  return parts
}

function shortenedIn(section: Section, characters: number): Section {
  return { ...section, blocks: section.blocks.map(block => shortenedBlock(block, characters)) }
}

/** A command is worth nothing in part: code stays as it is. */
function shortenedBlock(block: Block, characters: number): Block {
  const spans = (some: readonly Span[]) => some.map(span => shortenedSpan(span, characters))
  switch (block.kind) {
    case 'paragraph':
      return { ...block, spans: spans(block.spans) }
    case 'list':
      return {
        ...block,
        items: block.items.map(({ spans: own, under = [] }) => ({ spans: spans(own), under: under.map(spans) })),
      }
    case 'table':
      return { ...block, rows: block.rows.map(cells => cells.map(cell => shortened(cell, characters))) }
    case 'code':
      return block
  }
}

function shortenedSpan(span: Span, characters: number): Span {
  return 'strong' in span ? { strong: shortened(span.strong, characters) } : { text: shortened(span.text, characters) }
}
