import { createHash } from 'node:crypto'

/** What a step covers, in a bounded text. */
export function coverText(parts: readonly string[]): string {
  const text = [...new Set(parts)].toSorted().join('\n')
  return text.length <= 4096 ? text : createHash('sha256').update(text).digest('hex')
}
