/** As much of EventBridge's event patterns as rules here use (Amazon EventBridge User Guide, "Event patterns"). */
type Leaf = string | { readonly prefix: string }
export interface Pattern {
  readonly [field: string]: readonly Leaf[] | Pattern
}

/** Whether every field of the pattern is there in the event, with one of its values; other fields do not count. */
export function matchesPattern(pattern: Pattern, event: unknown): boolean {
  if (typeof event !== 'object' || event === null) return false
  const fields = new Map<string, unknown>(Object.entries(event))
  return Object.entries(pattern).every(([field, wanted]) => {
    const value = fields.get(field)
    if (!isLeaves(wanted)) return matchesPattern(wanted, value)
    return typeof value === 'string' && wanted.some(one => matchesLeaf(one, value))
  })
}

function isLeaves(wanted: readonly Leaf[] | Pattern): wanted is readonly Leaf[] {
  return Array.isArray(wanted)
}

function matchesLeaf(leaf: Leaf, value: string): boolean {
  return typeof leaf === 'string' ? leaf === value : value.startsWith(leaf.prefix)
}
