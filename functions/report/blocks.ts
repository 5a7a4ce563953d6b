/** A piece of a line. `text` may have come from outside and is escaped; `ours` is a word of our own, set off. */
export type Span = { readonly text: string } | { readonly strong: string }

export type Block =
  | { readonly kind: 'paragraph'; readonly spans: readonly Span[] }
  | { readonly kind: 'list'; readonly items: readonly Item[] }
  | { readonly kind: 'table'; readonly heads: readonly string[]; readonly rows: readonly (readonly string[])[] }
  /** Lines for a shell, to be copied as they are. */
  | { readonly kind: 'code'; readonly lines: readonly string[] }

export interface Item {
  readonly spans: readonly Span[]
  /** Points below this one. */
  readonly under?: readonly (readonly Span[])[]
}

export interface Section {
  /** Absent: what stands before the first heading, or behind the last section. */
  readonly title?: string
  readonly blocks: readonly Block[]
}

/** An incident in no markup yet: what every target says, most urgent first. */
export interface Document {
  readonly title: string
  readonly sections: readonly Section[]
}

export function text(from: string): Span {
  return { text: from }
}

export function strong(from: string): Span {
  return { strong: from }
}

export function paragraph(...spans: readonly Span[]): Block {
  return { kind: 'paragraph', spans }
}

/** A span's text as `escaping` leaves it, with the spaces around it that part it from its neighbours. */
export function spaced(from: string, escaping: (text: string) => string): string {
  if (/^ *$/.test(from)) return from.slice(0, 1)
  return `${from.startsWith(' ') ? ' ' : ''}${escaping(from)}${from.endsWith(' ') ? ' ' : ''}`
}
