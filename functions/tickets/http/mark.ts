/** Of a listing, newest first. */
export interface Listed {
  readonly reference: string
  readonly text: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
}

/** Small pages: each entry carries a whole ticket. */
export const PAGE_SIZE = 25

/** An answer with a page of tickets of 64 K characters, escaped. */
export const MAX_PAGE_BYTES = 6_291_456

const MAX_PAGES = 40

/** Clocks differ. */
const SKEW_MS = 3_600_000

/** The incident in a comment that Markdown does not show. What a ticket says of others has its `<` escaped and is none. */
export function markOf(key: string): string {
  return `<!-- firebreak:${key.replaceAll(/[^\w-]/g, '_')} -->`
}

/**
 * The tickets that bear the mark, the oldest first, among those that are no older than the incident. A listing, not a search:
 * an index may not know yet what was opened a moment ago.
 */
export async function marked(
  mark: string,
  openedAt: number,
  page: (number: number) => Promise<readonly Listed[]>,
): Promise<string[]> {
  const found: string[] = []
  for (let number = 1; number <= MAX_PAGES; number++) {
    const listed = await page(number)
    found.unshift(
      ...listed
        .filter(({ text }) => text.includes(mark))
        .map(({ reference }) => reference)
        .reverse(),
    )
    const last = listed.at(-1)
    if (last === undefined || listed.length < PAGE_SIZE || last.createdAt < openedAt - SKEW_MS) break
  }
  return [...new Set(found)]
}
