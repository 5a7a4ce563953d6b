import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { InputError } from '../core/errors.ts'
import { readParquet } from './aws-vpc-flow/parquet.ts'
import { compressors } from './aws-vpc-flow/parquet-codecs.ts'
import { type Budget, type Chunk, checkPages } from './aws-vpc-flow/parquet-pages.ts'
import { readStruct } from './aws-vpc-flow/parquet-thrift.ts'
import { createStrings } from './aws-vpc-flow/strings.ts'
import { collecting } from './envelopes/sink-fixture.ts'

/** Files that claim what they do not hold. What each would do to the reader stands in aws-vpc-flow/parquet-pages.ts. */

const samples = ['v2.parquet', 'v2-gzip.parquet'].map(name =>
  readFileSync(new URL(`../../events/aws-vpc-flow/${name}`, import.meta.url)),
)

async function read(bytes: Uint8Array) {
  const seen = collecting()
  const copy = new Uint8Array(bytes)
  await readParquet(createStrings(), copy.buffer, seen.sink)
  return seen
}

/** LEB128, as Thrift and the runs of a page have it. */
function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))]
}
const i32 = (value: number) => [0x15, ...varint(value * 2)]
const little = (value: number) => [...new Uint8Array(new Uint32Array([value]).buffer)]

interface Page {
  readonly type?: 0 | 2 | 3
  readonly count: number
  readonly encoding?: number
  readonly body: readonly number[]
  readonly uncompressed?: number
}

/** A page of version 1 with its header: type, sizes, and its own struct of count and encoding. */
function page({ type = 0, count, encoding = 0, body, uncompressed = body.length }: Page): Uint8Array {
  const own = [type === 2 ? 0x4c : 0x2c, ...i32(count), ...i32(encoding), 0]
  return Uint8Array.of(...i32(type), ...i32(uncompressed), ...i32(body.length), ...own, 0, ...body)
}

/** The same of version 2, whose levels stand uncompressed before the values. */
function pageV2(count: number, encoding: number, levels: readonly number[], values: readonly number[], nulls = 0) {
  const own = [
    0x5c,
    ...i32(count),
    ...i32(nulls),
    ...i32(count),
    ...i32(encoding),
    ...i32(levels.length),
    ...i32(0),
    0x12,
    0,
  ]
  const body = [...levels, ...values]
  return Uint8Array.of(...i32(3), ...i32(body.length), ...i32(body.length), ...own, 0, ...body)
}

const plenty = (): Budget => ({ bytes: 1 << 20 })
const column: Chunk = { type: 'INT32', codec: 'UNCOMPRESSED', optional: false, rows: 8 }
const eight = Array.from({ length: 8 }, (_, at) => little(at)).flat()
const joined = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts))

const dictionary = page({ type: 2, count: 2, body: [...little(1), ...little(2)] })
const sound: readonly (readonly [string, Uint8Array, Partial<Chunk>])[] = [
  ['plain values', page({ count: 8, body: eight }), {}],
  ['runs of indexes', joined(dictionary, page({ count: 8, encoding: 8, body: [1, 16, 1] })), {}],
  ['packed indexes', joined(dictionary, page({ count: 8, encoding: 8, body: [1, 3, 0x55] })), {}],
  ['nulls', page({ count: 8, body: [...little(2), 3, 0x0f, ...eight.slice(0, 16)] }), { optional: true }],
  ['a page of version 2', pageV2(8, 0, [3, 0x0f], eight.slice(0, 16), 4), { optional: true }],
  ['deltas', page({ count: 8, encoding: 5, body: [...varint(128), 4, 8, 0, 0, 0, 0, 0, 0] }), {}],
]

for (const [what, bytes, over] of sound)
  test(`checkPages() takes ${what}`, () => assert.equal(checkPages(bytes, { ...column, ...over }, plenty()), 8))

const forged: readonly (readonly [string, Uint8Array, Partial<Chunk>])[] = [
  ['a run of 2^30 indexes', page({ count: 8, encoding: 8, body: [1, ...varint(2 ** 31), 1] }), {}],
  [
    'a run of 2^30 levels',
    page({ count: 8, body: [...little(6), ...varint(2 ** 31), 1, ...eight] }),
    { optional: true },
  ],
  ['packed indexes of no bits and no end', pageV2(8, 8, [], [0, ...varint(2 ** 31 + 1)]), {}],
  ['indexes of 200 bits', page({ count: 8, encoding: 8, body: [200, 3, ...eight] }), {}],
  ['a delta block of negative size', page({ count: 8, encoding: 5, body: [...varint(2 ** 31), 1, 8, 0, 0, 32] }), {}],
  [
    'delta blocks of two billion parts',
    page({ count: 8, encoding: 5, body: [...varint(128), ...varint(2 ** 31 - 1), 8, 0] }),
    {},
  ],
  [
    'a delta without end',
    page({ count: 8, encoding: 5, body: [...varint(128), 4, 8, 0, ...Array(64).fill(0xff)] }),
    {},
  ],
  ['more values than rows', page({ count: 9, body: [...eight, ...little(9)] }), {}],
  ['a page shorter than its values', page({ count: 8, body: eight.slice(4) }), {}],
  ['fewer values than rows', page({ count: 7, body: eight }), {}],
  ['a page of 2 GB', page({ count: 8, body: eight, uncompressed: 2 ** 30 }), {}],
  [
    'a page that is larger than the file',
    page({ count: 8, body: eight.slice(0, 4), uncompressed: 4 }).subarray(0, 12),
    {},
  ],
  ['a dictionary of more entries than bytes', page({ type: 2, count: 2 ** 29, body: eight }), {}],
  ['texts that grow out of the one before', page({ count: 8, encoding: 7, body: eight }), { type: 'BYTE_ARRAY' }],
  ['a text longer than its page', page({ count: 8, body: [...little(100), 65] }), { type: 'BYTE_ARRAY' }],
  [
    'a text longer than any field',
    page({ count: 1, body: [...little(300), ...Array(300).fill(65)] }),
    { type: 'BYTE_ARRAY', rows: 1 },
  ],
  [
    'Snappy of a negative literal',
    page({ count: 8, body: [32, 0xfc, 0xfa, 0xff, 0xff, 0xff, 0], uncompressed: 32 }),
    { codec: 'SNAPPY' },
  ],
  ['a codec that is none', page({ count: 8, body: eight }), { codec: 'LZO' }],
]

for (const [what, bytes, over] of forged)
  test(`checkPages() refuses ${what}`, () =>
    assert.throws(() => checkPages(bytes, { ...column, ...over }, plenty()), InputError))

test('checkPages() decompresses no more for a file than its budget', () => {
  const pages = Array.from({ length: 8 }, (_, at) => page({ count: 1, body: little(at) }))
  assert.equal(checkPages(joined(...pages), column, { bytes: 32 }), 1)
  assert.throws(() => checkPages(joined(...pages), column, { bytes: 31 }), InputError)
})

test('readStruct() refuses lists longer than their bytes, nests without end and numbers without end', () => {
  const limits = { elements: 100, depth: 8 }
  const nested = Array(50).fill(0x1c)
  for (const bytes of [
    [0x19, 0xf5, ...varint(2 ** 31 - 1), 0],
    [0x19, 0xf9, ...varint(33_554_432), 0],
    nested,
    [0x16, ...Array(1000).fill(0xff), 0],
    [0x18, ...varint(1000), 0],
    [0x19, 0xf3, ...varint(200), ...Array(200).fill(1), 0],
    [],
  ])
    assert.throws(() => readStruct(Uint8Array.from(bytes), 0, limits), InputError, String(bytes.slice(0, 8)))
})

const addresses = Array.from({ length: 120_000 }, (_, at) => `10.0.${(at >> 8) & 255}.${at & 255}`)
const columns = (rows: number) => [
  { name: 'version', data: Array(rows).fill(2), type: 'INT32' as const },
  { name: 'account_id', data: Array(rows).fill('123456789012'), type: 'STRING' as const },
  { name: 'interface_id', data: Array(rows).fill('eni-0a1b2c3d4e5f60718'), type: 'STRING' as const },
  { name: 'srcaddr', data: addresses.slice(0, rows), type: 'STRING' as const },
  { name: 'dstaddr', data: Array(rows).fill('203.0.113.10'), type: 'STRING' as const },
  ...['srcport', 'dstport', 'protocol'].map(name => ({ name, data: Array(rows).fill(6), type: 'INT32' as const })),
  ...['packets', 'bytes'].map(name => ({ name, data: Array(rows).fill(60n), type: 'INT64' as const })),
  ...['start', 'end'].map(name => ({ name, data: Array(rows).fill(1_795_000_000n), type: 'INT64' as const })),
  { name: 'action', data: Array(rows).fill('ACCEPT'), type: 'STRING' as const },
  { name: 'log_status', data: Array(rows).fill('OK'), type: 'STRING' as const },
]

test('readParquet() reads a file of several steps, and of several row groups', async () => {
  for (const rowGroupSize of [120_000, 7000]) {
    const { flows, rejected } = await read(
      new Uint8Array(parquetWriteBuffer({ columnData: columns(120_000), rowGroupSize })),
    )
    assert.deepEqual(rejected, [])
    assert.equal(flows.length, 120_000)
    assert.deepEqual(
      [flows[0], flows.at(-1)].map(flow => flow?.source),
      ['10.0.0.0', addresses.at(-1)],
    )
  }
})

test('a row group that claims more rows than its columns have values is an InputError', async () => {
  const bytes = new Uint8Array(parquetWriteBuffer({ columnData: columns(50_000), rowGroupSize: 50_000 }))
  const claimed = Buffer.from(varint(100_000))
  const from = bytes.length - 8 - new DataView(bytes.buffer).getUint32(bytes.length - 8, true)
  const metadata = Buffer.from(bytes.buffer, from)
  const places = [...metadata.keys()].filter(at => metadata.subarray(at, at + claimed.length).equals(claimed))
  assert.ok(places.length > 0)
  for (const at of places) metadata.set(varint(1_900_000), at)
  await assert.rejects(read(bytes), /InputError: .*a column has 50000 values, its row group 950000 rows$/)
})

test('a file of which bytes were changed is read or an InputError, and has no more rows than before', async () => {
  for (const sample of samples) {
    const change = fc.tuple(
      fc.oneof(fc.nat(sample.length - 1), fc.integer({ min: sample.length - 700, max: sample.length - 1 })),
      fc.oneof(fc.nat(255), fc.constantFrom(0, 0x7f, 0x80, 0xff)),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 6 }), async changes => {
        const bytes = new Uint8Array(sample)
        for (const [at, byte] of changes) bytes[at] = byte
        try {
          const { flows, coverage, rejected } = await read(bytes)
          assert.ok(flows.length + coverage.length + rejected.length <= 64)
        } catch (thrown) {
          if (!(thrown instanceof InputError)) throw thrown
        }
      }),
      { numRuns: 1500 },
    )
  }
})

test('Snappy is undone as it was done, or refused', () => {
  const copied = Uint8Array.of(12, (3 << 2) | 0, 97, 98, 99, 100, ((8 - 4) << 2) | 1, 4)
  assert.equal(Buffer.from(compressors.SNAPPY(copied, 12)).toString(), 'abcdabcdabcd')
  const overlapping = Uint8Array.of(8, 0, 97, ((7 - 1) << 2) | 2, 1, 0)
  assert.equal(Buffer.from(compressors.SNAPPY(overlapping, 8)).toString(), 'aaaaaaaa')
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(4096), (bytes, length) => {
      try {
        assert.equal(compressors.SNAPPY(bytes, length).length, length)
      } catch (thrown) {
        if (!(thrown instanceof InputError)) throw thrown
      }
    }),
    { numRuns: 5000 },
  )
})
