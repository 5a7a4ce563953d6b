import { createHash } from 'node:crypto'
import { invalid, type Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'

/** What a describe call can be filtered by: the values that a thing has under each filter's name. */
export type Fields<T> = Readonly<Record<string, (thing: T) => readonly (string | undefined)[]>>

/** Those that match every filter in one of its values. `*` and `?` stand for any text and any character. */
export function filtered<T extends { tags: Record<string, string> }>(
  things: Iterable<T>,
  parameters: Parameters,
  fields: Fields<T>,
): T[] {
  const tests = parameters.structures('Filter').map(filter => {
    const name = filter.required('Name')
    const read = reader(name, fields)
    const values = filter.list('Value')
    if (values.length === 0) throw new Refusal('InvalidParameterValue', `The filter '${name}' has no values`)
    return (thing: T) => read(thing).some(value => value !== undefined && values.some(one => isLike(one, value)))
  })
  return [...things].filter(thing => tests.every(test => test(thing)))
}

function reader<T extends { tags: Record<string, string> }>(
  name: string,
  fields: Fields<T>,
): (thing: T) => readonly (string | undefined)[] {
  if (name.startsWith('tag:')) {
    const key = name.slice(4)
    return ({ tags }) => (Object.hasOwn(tags, key) ? [tags[key]] : [])
  }
  if (name === 'tag-key') return ({ tags }) => Object.keys(tags)
  const field = Object.hasOwn(fields, name) ? fields[name] : undefined
  if (!field) throw new Refusal('InvalidParameterValue', `The filter '${name}' is invalid`)
  return field
}

/** One star is gone back to at a time, so the work is at most the product of the lengths. */
function isLike(pattern: string, text: string): boolean {
  let at = 0
  let star = -1
  let from = 0
  for (let i = 0; i < text.length; ) {
    if (at < pattern.length && pattern[at] === '*') {
      star = at++
      from = i
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === text[i])) {
      at++
      i++
    } else if (star >= 0) {
      at = star + 1
      i = ++from
    } else return false
  }
  while (pattern[at] === '*') at++
  return at === pattern.length
}

export interface Page<T> {
  items: T[]
  nextToken: string | undefined
}

/** Cuts a list into pages. Without `MaxResults` all of it comes at once, as long as EC2 would let it. */
export function paged<T>(items: readonly T[], parameters: Parameters): Page<T> {
  const size = parameters.whole('MaxResults')
  const token = parameters.text('NextToken')
  if (size !== undefined && (size < 5 || size > 1000)) throw invalid('MaxResults', String(size))
  const from = token ? readToken(token) : 0
  const to = size === undefined ? items.length : from + size
  return { items: items.slice(from, to), nextToken: to < items.length ? writeToken(to) : undefined }
}

function writeToken(offset: number): string {
  return Buffer.from(`${offset} ${digest(offset)}`).toString('base64url')
}

function readToken(token: string): number {
  const [offset = '', seal] = Buffer.from(token, 'base64url').toString('latin1').split(' ')
  if (!/^\d{1,9}$/.test(offset) || seal !== digest(Number(offset)))
    throw new Refusal('InvalidPaginationToken', 'The specified pagination token is not valid or is expired.')
  return Number(offset)
}

function digest(offset: number): string {
  return createHash('sha256').update(`page ${offset}`).digest('hex').slice(0, 16)
}
