import assert from 'node:assert/strict'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ConfigurationError } from '../core/errors.ts'
import { readConfig } from './config.ts'
import { warnOfAge } from './indicator-age.ts'

const base = {
  account: '111122223333',
  table: 'firebreak',
  queue: 'https://sqs.example.com/orders.fifo',
  deadLetters: 'https://sqs.example.com/dead-letters',
}

function read(list: string, more: object = {}) {
  const directory = mkdtempSync(join(tmpdir(), 'firebreak-indicators-'))
  writeFileSync(join(directory, 'indicators.txt'), list)
  const path = join(directory, 'firebreak.json')
  writeFileSync(path, JSON.stringify({ ...base, indicators: { file: 'indicators.txt' }, ...more }))
  return readConfig({ FIREBREAK_CONFIG: `file:${path}` })
}

test('readConfig() adds the file of indicators beside it to those in the configuration', () => {
  const { rules, indicators } = read('# date: 2026-11-20\npool a.example.net # x\n', {
    rules: { indicators: ['tunnel-range 192.0.2.0/24'] },
  })
  assert.deepEqual(rules.indicators, [
    { kind: 'tunnel-range', value: '192.0.2.0/24' },
    { kind: 'pool', value: 'a.example.net' },
  ])
  assert.equal(indicators.date, '2026-11-20')
})

test('readConfig() refuses a list with a mistake and names its line', () => {
  assert.throws(
    () => read('# date: 2026-11-20\npool a.example.net\npool com\n'),
    (thrown: unknown) =>
      thrown instanceof ConfigurationError &&
      /file of indicators "indicators\.txt": .*line 3: .*"com"/.test(thrown.message),
  )
})

test('readConfig() refuses a file that is not beside the configuration, or not there', () => {
  for (const file of ['../indicators.txt', '/etc/indicators.txt', 'firebreak.json', 'missing.txt'])
    assert.throws(() => read('# date: 2026-11-20\n', { indicators: { file } }), ConfigurationError)
})

test('readConfig() refuses an entry in the configuration and says which', () => {
  assert.throws(
    () =>
      readConfig({
        FIREBREAK_CONFIG: JSON.stringify({ ...base, rules: { indicators: ['pool a.example', 'pools b'] } }),
      }),
    /the kind is "pools".*\n?.*rules\.indicators\[1\]/,
  )
})

test('warnOfAge() warns of a list that is older than it may be, and of no other', () => {
  const warned = (indicators: { date?: string; maxAgeDays: number }) => {
    const told: unknown[] = []
    warnOfAge(
      { indicators },
      {
        clock: { now: () => Date.parse('2026-11-24T12:00:00Z') },
        log: { info() {}, warn: (message, fields) => void told.push([message, fields]), error() {} },
        metrics: { count: name => void told.push(name) },
      },
    )
    return told
  }
  assert.deepEqual(warned({ date: '2026-08-25', maxAgeDays: 90 }), [
    ['list of indicators is old', { date: '2026-08-25', days: 91, maxAgeDays: 90 }],
    'IndicatorsOld',
  ])
  assert.deepEqual(warned({ date: '2026-08-26', maxAgeDays: 90 }), [])
  assert.deepEqual(warned({ maxAgeDays: 90 }), [])
})
