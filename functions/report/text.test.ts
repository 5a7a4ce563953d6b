import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { bytesOf, counted, durationOf, listed, plain, shortened, timeOf } from './text.ts'

describe('plain()', () => {
  for (const [name, text, shown] of [
    ['names a bidirectional override', 'a\u202eb', 'a‹U+202E›b'],
    ['names a zero-width space', 'pay\u200bload', 'pay‹U+200B›load'],
    ['names a tag character', 'a\u{e0041}', 'a‹U+E0041›'],
    ['names NUL and ESC', '\u0000\u001b[31m', '‹U+0000›‹U+001B›[31m'],
    ['names a C1 control', '\u009b2J', '‹U+009B›2J'],
    ['names a lone surrogate', 'a\ud800', 'a‹U+D800›'],
    ['puts line breaks and tabs on one line', 'a\r\n\r\nb\tc', 'a b c'],
    ['names a line separator', 'a\u2028b', 'a‹U+2028›b'],
    ['names a filler', 'a\u3164', 'a‹U+3164›'],
    ['keeps what can be seen', 'é 漢 🔥 <b>', 'é 漢 🔥 <b>'],
  ] as const)
    it(name, () => assert.equal(plain(text), shown))
})

it('shortened() cuts between characters', () => {
  assert.equal(shortened('🔥🔥🔥🔥', 3), '🔥🔥…')
  assert.equal(shortened('abc', 3), 'abc')
})

it('timeOf() says the second in UTC, and says so where there is none', () => {
  assert.equal(timeOf(Date.UTC(2026, 10, 24, 2, 13, 7, 999)), '2026-11-24 02:13:07 UTC')
  assert.equal(timeOf(1e300), 'at an unknown time')
})

it('durationOf() takes the unit that fits', () => {
  const shown = [0, 148, 999.7, 4200, 59_960, 60_000, 3_900_000, 7_200_000, 187_200_000, -5, Number.NaN].map(durationOf)
  assert.deepEqual(shown, [
    '0 ms',
    '148 ms',
    '1 s',
    '4.2 s',
    '1 min',
    '1 min',
    '1 h 5 min',
    '2 h',
    '2 d 4 h',
    '0 ms',
    'an unknown time',
  ])
})

it('bytesOf() takes the decimal unit that fits', () => {
  assert.deepEqual([0, 999, 1000, 4321, 999_499, 999_500, 9_840_000, 1e30].map(bytesOf), [
    '0 B',
    '999 B',
    '1 kB',
    '4.3 kB',
    '999 kB',
    '1 MB',
    '9.8 MB',
    '1000000000000 EB',
  ])
})

it('listed() and counted() read as a sentence', () => {
  assert.deepEqual([[], ['a'], ['a', 'b'], ['a', 'b', 'c']].map(listed), ['', 'a', 'a and b', 'a, b and c'])
  assert.deepEqual([counted(1, 'finding'), counted(3, 'finding')], ['1 finding', '3 findings'])
})
