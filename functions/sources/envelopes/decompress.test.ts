import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { InputError } from '../../core/errors.ts'
import { decompressed, type Encoding } from './decompress.ts'

const TEXT = Array.from({ length: 5000 }, (_, line) => `line ${line} of a log that is long enough\n`).join('')
const COMPRESS = { plain: (text: string) => Buffer.from(text), gzip: gzipSync, zstd: zstdCompressSync }
const ENCODINGS = ['plain', 'gzip', 'zstd'] as const

async function* inChunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function read(chunks: AsyncIterable<Uint8Array>, encoding: Encoding, most = 1 << 24): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const chunk of decompressed(chunks, encoding, most, 'the log')) parts.push(chunk)
  return Buffer.concat(parts).toString()
}

for (const encoding of ENCODINGS) {
  test(`decompressed() opens ${encoding}`, async () => {
    assert.equal(await read(inChunks(COMPRESS[encoding](TEXT)), encoding), TEXT)
  })

  test(`decompressed() ends ${encoding} that is larger than allowed, and no bomb fills the memory`, async () => {
    const bomb = COMPRESS[encoding]('0'.repeat(8_000_000))
    await assert.rejects(read(inChunks(bomb), encoding, 100_000), /^InputError: .*more than 100000 bytes$/)
  })

  test(`decompressed() hands on what the reading of ${encoding} failed with`, async () => {
    const failure = new Error('connection lost')
    async function* breaking() {
      yield COMPRESS[encoding](TEXT).subarray(0, 100)
      throw failure
    }
    await assert.rejects(read(breaking(), encoding), failure)
  })
}

for (const encoding of ['gzip', 'zstd'] as const)
  test(`decompressed() refuses ${encoding} that is truncated, damaged or none`, async () => {
    const whole = COMPRESS[encoding](TEXT)
    const damaged = Buffer.from(whole).fill(0xff, whole.length >> 1, (whole.length >> 1) + 64)
    for (const bytes of [whole.subarray(0, whole.length >> 1), damaged, Buffer.from(TEXT)])
      await assert.rejects(read(inChunks(bytes), encoding), InputError)
  })

test('decompressed() reads gzip of several members, as appending makes it', async () => {
  assert.equal(await read(inChunks(Buffer.concat([gzipSync('one\n'), gzipSync('two\n')])), 'gzip'), 'one\ntwo\n')
})
