import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { InputError } from './errors.ts'
import { packer, unpacker } from './packing.ts'

test('numbers up to 2^53 and any text come back', () => {
  void fc.assert(
    fc.property(fc.array(fc.tuple(fc.maxSafeNat(), fc.string({ unit: 'grapheme' }), fc.uint8Array())), things => {
      const to = packer()
      for (const [number, text, bytes] of things) {
        to.number(number)
        to.text(text)
        to.bytes(bytes)
      }
      const from = unpacker(to.done())
      for (const [number, text, bytes] of things) {
        assert.equal(from.number(), number)
        assert.equal(from.text(), text)
        assert.deepEqual(from.bytes(), bytes)
      }
      from.end()
    }),
  )
})

test('number() refuses what is no count', () => {
  for (const value of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])
    assert.throws(() => packer().number(value), RangeError)
})

test('unpacker() throws InputError on bytes that end, leave some over or say too much', () => {
  assert.throws(() => unpacker(new Uint8Array([0x80])).number(), InputError)
  assert.throws(() => unpacker(new Uint8Array(9).fill(0xff)).number(), InputError)
  assert.throws(() => unpacker(new Uint8Array([200, 1, 7])).bytes(), InputError)
  assert.throws(() => unpacker(new Uint8Array([1, 0xff])).text(), InputError)
  assert.throws(() => unpacker(new Uint8Array([1])).end(), InputError)
})
