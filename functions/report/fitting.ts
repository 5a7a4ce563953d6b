import type { Document, Section } from './blocks.ts'
import { documentOf } from './document.ts'
import type { ReportInput } from './input.ts'
import { listed } from './text.ts'

/** Lines of a list: all that a ticket says, then ever shorter where the tracker's field is too short for it. */
const DEPTHS = [40, 10, 3]

/** For the line that names what is left out. */
const RESERVE = 400

/**
 * The sections that fit into `limit` characters, each as long as there is room for it, most urgent first; what there is no
 * room for is named.
 */
export function fitted<T>(
  input: ReportInput,
  limit: number,
  render: (section: Section) => T,
  lengthOf: (rendered: T) => number,
): { readonly title: string; readonly parts: readonly T[] } {
  const documents = DEPTHS.map(most => documentOf(input, most))
  const parts: T[] = []
  const left: string[] = []
  let room = limit - RESERVE
  for (const [index, section] of sectionsOf(documents[0]).entries()) {
    const found = documents
      .map(document => render(document.sections[index] ?? section))
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
  return { title: documents[0]?.title ?? '', parts }
}

function sectionsOf(document: Document | undefined): readonly Section[] {
  return document?.sections ?? []
}
