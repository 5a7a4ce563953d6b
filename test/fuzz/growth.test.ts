import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { findingOf } from '../../functions/core/engine-fixture.ts'
import { InputError } from '../../functions/core/errors.ts'
import type { Source } from '../../functions/core/source.ts'
import { readOrder } from '../../functions/entry/aws/lane.ts'
import { openFirehose } from '../../functions/sources/envelopes/records.ts'
import { batchOf, collecting } from '../../functions/sources/envelopes/sink-fixture.ts'
import { openSubscription } from '../../functions/sources/envelopes/subscription.ts'
import { sources } from '../../functions/sources/registry.ts'
import { batchesOf, V5 } from './samples.ts'

/** Twice the input may cost twice the time, and what measuring is off by. Four times would be the square. */
const MOST = 3
const TRIES = 6
/**
 * Milliseconds of the thread's own time below which nothing can be measured: where the kernel accounts by ticks, each is
 * four or ten.
 */
const ENOUGH = 50
/** Where a square would long be seen, and still cheap where there is none. */
const SIZE = 1 << 16

/** Milliseconds for one run of the work, from as many as it takes to measure. */
function cost(work: () => void): number {
  for (let runs = 1; ; runs *= 2) {
    const { user, system } = process.threadCpuUsage()
    for (let run = 0; run < runs; run++) work()
    const { user: userThen, system: systemThen } = process.threadCpuUsage()
    const spent = (userThen + systemThen - user - system) / 1000
    if (spent >= ENOUGH) return spent / runs
  }
}

function assertLinear(make: (size: number) => () => void, size = SIZE): void {
  let ratio = Number.POSITIVE_INFINITY
  for (let attempt = 0; attempt < TRIES && ratio > MOST; attempt++) ratio = cost(make(size * 2)) / cost(make(size))
  assert.ok(ratio <= MOST, `twice the input costs ${ratio.toFixed(1)} times as much at a size of ${size}`)
}

const silent = () => ({ ...collecting().sink, reject() {}, flow() {}, coverage() {}, name() {}, alert() {} })

function throughLines(source: Source, bytes: Uint8Array, chunk = 65_536): void {
  const reader = source.lines({}, silent())
  for (let from = 0; from < bytes.length; from += chunk) reader.push(bytes.subarray(from, from + chunk))
  reader.end()
}

const fill = (piece: string, size: number) => piece.repeat(Math.ceil(size / piece.length)).slice(0, size)

/** Files that a quadratic reader would choke on. */
const files: Readonly<Record<string, (sample: string, size: number) => string>> = {
  'real records': (sample, size) => fill(`${sample}\n`, size),
  'damaged records': (sample, size) => fill(`${sample.slice(0, -3)}\u0000\n`, size),
  'one line without end': (_sample, size) => 'x'.repeat(size),
  digits: (_sample, size) => '9'.repeat(size),
  blanks: (_sample, size) => ' '.repeat(size),
  'carriage returns': (_sample, size) => '\r'.repeat(size),
  'empty lines': (_sample, size) => '\n'.repeat(size),
  headers: (_sample, size) => fill(`${V5}\n`, size),
  'opening brackets': (_sample, size) => '['.repeat(size),
  'nested members': (_sample, size) => fill('{"a":', size),
  'quotes and backslashes': (_sample, size) => fill('"\\', size),
}

/** Single messages, which may hold a mebibyte. */
const messages: Readonly<Record<string, (sample: string, size: number) => string>> = {
  'a field that goes on': (sample, size) => sample.slice(0, 40) + 'x'.repeat(size) + sample.slice(40),
  'digits that go on': (sample, size) => sample.slice(0, 40) + '1'.repeat(size) + sample.slice(40),
  'many fields': (sample, size) => `${sample} ${fill('- ', size)}`,
  'many members': (sample, size) => `{"a":[${fill('{"b":1},', size)}{}],${sample.slice(1)}`,
  'one member many times': (sample, size) => `{${fill('"event":{},', size)}${sample.slice(1)}`,
  escapes: (sample, size) => `{"a":"${fill('\\u0000', size - (size % 6))}",${sample.slice(1)}`,
  'one string that never ends': (_sample, size) => `"${fill('\\"', size)}`,
}

for (const [id, source] of Object.entries(sources)) {
  const sample = batchesOf(id)[0]?.messages[0] ?? ''
  for (const [what, made] of Object.entries(files))
    test(`${id} reads a file of ${what} in linear time`, () => {
      assertLinear(size => {
        const bytes = Buffer.from(made(sample, size * 16))
        return () => throughLines(source, bytes)
      })
    })
  for (const [what, made] of Object.entries(messages))
    test(`${id} reads a message with ${what} in linear time`, () => {
      const decode = source.open({})
      assertLinear(size => {
        const batch = batchOf([made(sample, size)])
        return () => decode(batch, silent())
      }, 1 << 20)
    })
  test(`${id} reads bytes that come one by one in linear time`, () => {
    assertLinear(size => {
      const bytes = Buffer.from(fill(`${sample}\n`, size))
      return () => throughLines(source, bytes, 1)
    })
  })
}

const refusing = (work: () => unknown) => () => {
  try {
    work()
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
  }
}

const packed = (text: string) => gzipSync(text, { level: 1 }).toString('base64')
const head = '{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":['
const event = '{"id":"1","timestamp":1795000000000,"message":"2 - - -"},'

const envelopes: Readonly<Record<string, (size: number) => () => void>> = {
  'a subscription of many events'(size) {
    const data = packed(`${head}${fill(event, event.length * size)}{}]}`)
    return refusing(() => openSubscription({ awslogs: { data } }))
  },
  'a subscription of what are no events'(size) {
    const data = packed(`${head}${'0,'.repeat(size)}0]}`)
    return refusing(() => openSubscription({ awslogs: { data } }))
  },
  'base64 that is none at its end'(size) {
    const data = `${'A'.repeat(size * 4 - 1)}*`
    return refusing(() => openSubscription({ awslogs: { data } }))
  },
  'a stream’s record of many wrapped lines'(size) {
    const data = Buffer.from('{"message":"2 - - -"}\n'.repeat(size)).toString('base64')
    const records = [{ recordId: '1', data }]
    return refusing(() => openFirehose({ invocationId: '1', deliveryStreamArn: 'a', records }))
  },
  'an order with a long text'(size) {
    const body = JSON.stringify({ kind: 'finding', finding: { ...findingOf(), region: 'x'.repeat(size) } })
    return refusing(() => readOrder(body))
  },
}

for (const [what, make] of Object.entries(envelopes))
  test(`${what} is opened in linear time`, () => {
    // Both sizes are what V8 keeps apart as large objects, which cost more to make.
    assertLinear(make, 1 << 18)
  })
