import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import * as z from 'zod'
import { Config } from '../../functions/entry/config.ts'
import { Deployment } from '../../infra/aws/settings.ts'

type Schema = z.core.JSONSchema.BaseSchema

/** Every setting as the document writes it: its path, `*` for a name of the operator's, `[]` for a list's members. */
function settingsOf(schema: Schema, at: string, required: boolean): [string, string][] {
  const within = (name: string) => (at === '' ? name : `${at}.${name}`)
  const nested = [
    ...Object.entries(schema.properties ?? {}).map(
      ([name, one]) => [within(name), one, schema.required?.includes(name) ?? false] as const,
    ),
    [within('*'), schema.additionalProperties, false] as const,
    ...[schema.items].flat().map(one => [`${at}[]`, one, false] as const),
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].map(one => [at, one, false] as const),
  ].flatMap(([path, one, must]) => (typeof one === 'object' ? [{ path, one, must }] : []))
  const deeper = nested.flatMap(({ path, one, must }) => settingsOf(one, path, must)).filter(([path]) => path !== at)
  if (at !== '' && deeper.every(([path]) => /\.\*$|\[\]$/.test(path))) {
    const none = required ? 'required' : 'none'
    return [[at, schema.default === undefined ? none : `\`${JSON.stringify(schema.default)}\``]]
  }
  return deeper
}

/** Its rows: setting and default. Variables of the environment are no settings. */
function documented(text: string): [string, string][] {
  return [...text.matchAll(/^\| `([a-z][^`]*)` \| ([^|]+) \| [^|]+ \|$/gm)].map(([, path = '', value = '']) => [
    path,
    value,
  ])
}

/** Ticket targets share settings: each is told once. */
function distinct(rows: readonly (readonly [string, string])[]): string[] {
  return [...new Set(rows.map(([path, value]) => `${path} ${value}`))].toSorted()
}

test('docs/configuration.md names every setting with its default, and none that is not there', async () => {
  const text = await readFile(join(import.meta.dirname, '../../docs/configuration.md'), 'utf8')
  const settings = [
    ...settingsOf(z.toJSONSchema(Config, { io: 'input' }), '', true),
    ...settingsOf(z.toJSONSchema(Deployment, { io: 'input' }), 'deployment', true),
  ]
  assert.ok(settings.length > 80)
  assert.deepEqual(distinct(documented(text)), distinct(settings))
})
