import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileSuffixes } from './suffixes.ts'

test('compileSuffixes() matches whole labels only and prefers the longest suffix', () => {
  const find = compileSuffixes([
    ['example.com', 1],
    ['api.example.com', 2],
  ])
  assert.equal(find('example.com'), 1)
  assert.equal(find('a.b.example.com'), 1)
  assert.equal(find('x.api.example.com'), 2)
  for (const name of ['notexample.com', 'com', 'example.com.net', 'example.com.', '', '.', '..example.org'])
    assert.equal(find(name), undefined, name)
})

test('compileSuffixes() agrees with a search through all suffixes', () => {
  const label = fc.constantFrom('a', 'b', 'ab', '')
  const name = fc.array(label, { minLength: 1, maxLength: 6 }).map(labels => labels.join('.'))
  fc.assert(
    fc.property(fc.array(name, { maxLength: 8 }), name, (suffixes, asked) => {
      const usable = suffixes.filter(suffix => suffix !== '')
      const find = compileSuffixes(usable.map(suffix => [suffix, suffix] as const))
      const longest = usable
        .filter(suffix => asked === suffix || asked.endsWith(`.${suffix}`))
        .toSorted((a, b) => b.length - a.length)[0]
      assert.equal(find(asked), longest)
    }),
    { numRuns: 5000 },
  )
})

test('compileSuffixes() looks at no more labels of an endless name than its suffixes have', () => {
  const find = compileSuffixes([['example.com', true]])
  assert.equal(find(`${'a.'.repeat(1 << 20)}example.com`), true)
  assert.equal(find(`${'a.'.repeat(1 << 20)}example.org`), undefined)
})
