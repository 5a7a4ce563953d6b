import assert from 'node:assert/strict'
import { it } from 'node:test'
import { sign } from './signature.ts'

it('sign() gives what `printf 1795000000.{} | openssl dgst -sha256 -hmac key` gives', () => {
  assert.equal(sign('key', 1_795_000_000, '{}'), 'v1=71f6cd81e7ac967a6bfd8d621347e9ee7792b1fde3a9a64c3161a631437c7fb6')
})

it('sign() covers the time', () => {
  assert.notEqual(sign('key', 1, '{}'), sign('key', 2, '{}'))
})
