/** The title, or its beginning with a mark that more followed. Never cuts a character in two. */
export function titleWithin(title: string, most: number): string {
  if (title.length <= most) return title
  return `${title.slice(0, most - 1).replace(/[\uD800-\uDBFF]$/, '')}…`
}
