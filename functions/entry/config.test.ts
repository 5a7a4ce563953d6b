import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ConfigurationError } from '../core/errors.ts'
import { Config, readConfig } from './config.ts'

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

const needed = {
  account: '111122223333',
  table: 'firebreak',
  queue: 'https://sqs.example.com/orders.fifo',
  deadLetters: 'https://sqs.example.com/dead-letters',
}

test('readConfig() refuses a proxy that is no address, which would stop every cut', () => {
  refused(
    JSON.stringify({ ...needed, proxies: ['proxy.example.com'] }),
    /neither an address nor a range.*\n.*proxies\[0\]/,
  )
})

test('readConfig() refuses two ticket targets of a kind without names of their own', () => {
  const one = { target: 'pagerduty', routingKey: 'a' }
  refused(JSON.stringify({ ...needed, tickets: [one, one] }), /two of a kind need a name each.*\n.*tickets/)
  refused(JSON.stringify({ ...needed, tickets: [{ ...one, name: 'soc', chanel: 'C1' }] }), /chanel/)
  const named = Config.parse({ ...needed, tickets: [one, { ...one, name: 'soc' }] })
  assert.deepEqual(
    named.tickets.map(({ name }) => name),
    [undefined, 'soc'],
  )
})

test('readConfig() refuses an exception for a rule that does not exist, and a misspelt limit', () => {
  const policyOf = (policy: object) => JSON.stringify({ ...needed, policy })
  refused(
    policyOf({ modes: [{ rule: 'mining', mode: 'observe' }] }),
    /names no rule; there are reverse-tunnel, mining-pool/,
  )
  refused(policyOf({ budget: { cutsPerDay: 3 } }), /Unrecognized key: "cutsPerDay"/)
})
