import * as z from 'zod'

/** `key=value`, or `key` alone for any value. */
export const TagSelector = z
  .string()
  .min(1)
  .max(256)
  .transform(text => {
    const equals = text.indexOf('=')
    return equals < 0 ? { key: text, value: undefined } : { key: text.slice(0, equals), value: text.slice(equals + 1) }
  })
export type TagSelector = z.infer<typeof TagSelector>

export function matches(tags: Readonly<Record<string, string>>, selector: TagSelector): boolean {
  const value = Object.hasOwn(tags, selector.key) ? tags[selector.key] : undefined
  return value !== undefined && (selector.value === undefined || value === selector.value)
}

/** The selector as the configuration writes it. */
export function selectorText({ key, value }: TagSelector): string {
  return value === undefined ? key : `${key}=${value}`
}
