import type { Parameters } from '../ec2/parameters.ts'
import { Refusal } from '../ec2/refusal.ts'

/** A page of at most 400, as both APIs have it; its marker is where the next one begins. */
export function page<T>(items: readonly T[], parameters: Parameters): { items: T[]; marker: string | undefined } {
  const size = parameters.whole('PageSize') ?? 400
  if (size < 1 || size > 400)
    throw new Refusal('ValidationError', `Value '${size}' at 'pageSize' failed to satisfy constraint`)
  const from = Number(parameters.text('Marker') ?? 0)
  if (!Number.isInteger(from)) throw new Refusal('ValidationError', 'The marker is not valid')
  const to = from + size
  return { items: items.slice(from, to), marker: to < items.length ? String(to) : undefined }
}
