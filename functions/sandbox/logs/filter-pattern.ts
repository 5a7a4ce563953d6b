import { Refusal } from '../ec2/refusal.ts'

export type Matches = (message: string) => boolean

/** Longest pattern (FilterLogEvents). */
const MAX_LENGTH = 1024

/**
 * As much of CloudWatch Logs' filter patterns as is asked for here: quoted terms that must all occur, `?` terms of which one
 * must, and `{ $.field = "text" }` with `||` between conditions (User Guide, "Filter pattern syntax").
 */
export function compilePattern(pattern: string): Matches {
  if (pattern.length > MAX_LENGTH) throw invalid(pattern)
  const text = pattern.trim()
  return text.startsWith('{') ? ofFields(text) : ofTerms(text)
}

function ofTerms(text: string): Matches {
  const all: string[] = []
  const any: string[] = []
  let rest = text
  while (rest !== '') {
    const [whole = '', mark, quoted, bare] = /^(\?)?(?:"([^"]*)"|([\w/]+))\s*/.exec(rest) ?? []
    if (whole === '') throw invalid(text)
    const term = quoted ?? bare ?? ''
    if (mark === undefined) all.push(term)
    else any.push(term)
    rest = rest.slice(whole.length)
  }
  // With other terms beside them, `?` terms are ignored.
  if (all.length > 0 || any.length === 0) return message => all.every(term => message.includes(term))
  return message => any.some(term => message.includes(term))
}

function ofFields(text: string): Matches {
  if (!text.endsWith('}')) throw invalid(text)
  const conditions = text
    .slice(1, -1)
    .split('||')
    .map(part => {
      const bare = part.trim().replace(/^\((.*)\)$/, '$1')
      const [, path, value] = /^\s*\$\.([\w.]+)\s*=\s*"([^"]*)"\s*$/.exec(bare) ?? []
      if (path === undefined) throw invalid(text)
      return { path: path.split('.'), value }
    })
  return message => {
    let record: unknown
    try {
      record = JSON.parse(message)
    } catch {
      // Only JSON has fields.
      return false
    }
    return conditions.some(({ path, value }) => path.reduce(fieldOf, record) === value)
  }
}

function fieldOf(holder: unknown, name: string): unknown {
  return typeof holder === 'object' && holder !== null
    ? Object.entries(holder).find(([key]) => key === name)?.[1]
    : undefined
}

function invalid(pattern: string): Refusal {
  return new Refusal('InvalidParameterException', `Invalid filter pattern: ${pattern}`)
}
