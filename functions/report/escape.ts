import { plain, shortened } from './text.ts'

/** A tracker's field has an end: one text never fills it. */
const MAX_TEXT = 800

/**
 * Text from outside for Markdown, in a paragraph, a list item or a table cell: shown as it is, starting nothing.
 * `<`, `>` and `&` become entities, so that it is safe also where a tracker lets HTML through before it reads Markdown;
 * what else CommonMark and GitHub's extensions (tables, strikethrough, math, autolinks) give a meaning gets a backslash.
 * Names and addresses are kept from becoming links or mentions of somebody.
 */
export function escaped(text: string): string {
  return (
    shortened(plain(text), MAX_TEXT)
      .replaceAll('&', '&amp;')
      .replaceAll(/[\\`*_[\]|~$]/g, '\\$&')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      // `scheme://` and `www.` are links without being asked (GFM, 6.9); so are bare names where a tracker uses a link finder.
      .replaceAll(/:(?=\/\/)/g, '\\:')
      .replaceAll(/(?<=[\p{L}-])\.(?=[\p{L}\p{N}])|(?<=www)\.|(?<=[\p{N}])\.(?=\p{L})/giu, '\\.')
      // Mentions are found after the escapes are gone, so a backslash is not enough: U+2060 (word joiner) parts the sign from the name.
      .replaceAll('@', '\\@\u2060')
      // So are `#1`, `!1` and `GH-1`, which leave a line on the issue or merge request that they name.
      .replaceAll(/([#!]|\bGH-)(?=\d)/gi, '$1\u2060')
      // What makes a list, a heading or a rule at the beginning of a line.
      .replace(/^[-+=#]/, '\\$&')
      .replace(/^(\d{1,9})([.)])(?=\s|$)/, '$1\\$2')
  )
}
