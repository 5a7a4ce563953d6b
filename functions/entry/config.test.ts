import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../core/errors.ts'
import { readConfig } from './config.ts'

const refused = (given: string, message: RegExp) =>
  assert.throws(
    () => readConfig({ FIREBREAK_CONFIG: given }),
    (thrown: unknown) => thrown instanceof ConfigurationError && message.test(thrown.message),
  )

test('readConfig() refuses what nests without end', () => {
  for (const depth of [40, 20_000])
    refused(`{"proxies":${'['.repeat(depth)}${']'.repeat(depth)}}`, /nests more than 32 deep$/)
})

test('readConfig() says that the file cannot be read', () => {
  refused('file:/nowhere/firebreak.json', /^Cannot read FIREBREAK_CONFIG: .*ENOENT/)
})

test('readConfig() refuses a proxy that is no address, which would stop every cut', () => {
  const given = {
    account: '111122223333',
    table: 'firebreak',
    queue: 'https://sqs.example.com/orders.fifo',
    deadLetters: 'https://sqs.example.com/dead-letters',
    proxies: ['proxy.example.com'],
  }
  refused(JSON.stringify(given), /neither an address nor a range.*\n.*proxies\[0\]/)
})
