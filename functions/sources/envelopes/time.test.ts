import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { secondsOf } from './time.ts'

test('secondsOf() reads what logs write', () => {
  const T = 1_602_627_001
  for (const value of [
    T,
    T * 1000,
    '1602627001',
    '1602627001000',
    '2020-10-13T22:10:01Z',
    '2020-10-13T22:10:01',
    '2020-10-13 22:10:01.000',
    '2020-10-13T22:10:01.000000+0000',
    '2020-10-14T00:10:01+02:00',
    '2020-10-13T16:40:01-0530',
    '2020-10-14T00:10:01+02',
  ])
    assert.equal(secondsOf(value), T, String(value))
})

test('secondsOf() agrees with Date on the times that Date writes', () => {
  const dates = fc.date({ min: new Date('2002-01-01'), max: new Date('2200-01-01'), noInvalidDate: true })
  fc.assert(
    fc.property(dates, date => {
      assert.ok(Math.abs((secondsOf(date.toISOString()) ?? 0) - date.getTime() / 1000) < 1e-6)
    }),
  )
})

test('secondsOf() refuses what is no time', () => {
  const none: unknown[] = [0, '0', -1, 12, Number.NaN, 1e30, '', 'now', null, undefined, {}, [], true, '9'.repeat(50)]
  const dates = ['2020-13-01T00:00:00Z', '2020-02-30T00:00:00Z', '2020-10-13T24:00:00Z', '2020-10-13T22:10:01X']
  const odd = [
    '2020-10-13',
    '2020-10-13T22:10:01.',
    '2020-10-13T22:10:01+2',
    '2020/10/13T22:10:01Z',
    '1970-01-01T00:00:00Z',
  ]
  for (const value of [...none, ...dates, ...odd]) assert.equal(secondsOf(value), undefined, String(value))
})
