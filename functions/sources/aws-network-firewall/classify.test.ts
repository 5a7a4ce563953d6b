import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isOrdinary, kindOf } from './classify.ts'

test('kindOf() tells mining and tunnels from the words of a rule', () => {
  const rules: readonly (readonly [string, string, string])[] = [
    ['ET POLICY Cryptocurrency Miner Checkin', 'Potential Corporate Privacy Violation', 'mining'],
    ['Unclear', 'Crypto Currency Mining Activity Detected', 'mining'],
    ['STRATUM protocol login', '', 'mining'],
    ['xmrig/6.2 user agent', '', 'mining'],
    ['Monero mining pool lookup', '', 'mining'],
    ['Data mining portal login', 'Not Suspicious Traffic', 'other'],
    ['Determining host type', '', 'other'],
    ['Reverse SSH tunnel', '', 'tunnel'],
    ['ngrok agent handshake', '', 'tunnel'],
    ['DNS tunneling suspected', '', 'tunnel'],
    ['Teredo tunnel observed', '', 'other'],
    ['Carpal tunnel clinic', '', 'other'],
    ['ET SCAN potential probe', 'Attempted Information Leak', 'other'],
    ['', '', 'other'],
  ]
  for (const [signature, category, kind] of rules) assert.equal(kindOf(signature, category), kind, signature)
})

test('isOrdinary() knows what a policy writes down of every connection', () => {
  for (const name of ['aws:alert_established action', 'aws:alert_strict action', 'AWS:Alert_Established action '])
    assert.ok(isOrdinary(name))
  for (const name of ['aws:drop_established action', 'alert', 'aws:alert_established', '']) assert.ok(!isOrdinary(name))
})
