import type { Permission } from '../../core/ports.ts'
import type { Right } from './right.ts'

/** Which of a permission's resources grants the right; `undefined` where the permission does not grant it. */
export function grantingResource(
  { actions, resources, conditions = {} }: Permission,
  asked: Right,
): string | undefined {
  if (!actions.includes(asked.action)) return undefined
  const isMet = Object.entries(conditions).every(([operator, keys]) =>
    Object.entries(keys).every(([key, wanted]) =>
      holds(operator, asked.keys[key], typeof wanted === 'string' ? [wanted] : wanted),
    ),
  )
  return isMet ? resources.find(pattern => isLike(pattern, asked.resource)) : undefined
}

/**
 * The operators that declared permissions use, as IAM judges them (IAM User Guide, "IAM JSON policy elements: Condition
 * operators"); another one is no right at all.
 */
function holds(operator: string, given: readonly string[] | undefined, wanted: readonly string[]): boolean {
  switch (operator) {
    case 'Null':
      return wanted.includes(String(given === undefined))
    case 'StringEquals':
      return (given ?? []).some(value => wanted.includes(value))
    case 'StringLike':
      return (given ?? []).some(value => wanted.some(pattern => isLike(pattern, value)))
    // "ForAllValues" holds for a key that is not there.
    case 'ForAllValues:StringEquals':
      return (given ?? []).every(value => wanted.includes(value))
    case 'ForAllValues:StringLike':
      return (given ?? []).every(value => wanted.some(pattern => isLike(pattern, value)))
    default:
      return false
  }
}

/** `*` stands for any text. Without backtracking: what lies between the stars is found from left to right. */
export function isLike(pattern: string, value: string): boolean {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return pattern === value
  if (!value.startsWith(first) || value.length < first.length + last.length || !value.endsWith(last)) return false
  let at = first.length
  for (const part of rest) {
    const found = value.indexOf(part, at)
    if (found < 0 || found + part.length > value.length - last.length) return false
    at = found + part.length
  }
  return true
}
