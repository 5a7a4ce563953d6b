import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { InputError } from '../core/errors.ts'
import { collecting } from './envelopes/sink-fixture.ts'
import { sources } from './registry.ts'

const bytesOf = (name: string) => readFileSync(new URL(`../../events/aws-vpc-flow/${name}`, import.meta.url))

async function read(bytes: Uint8Array) {
  const seen = collecting()
  const copy = new ArrayBuffer(bytes.byteLength)
  new Uint8Array(copy).set(bytes)
  await sources['aws-vpc-flow']?.parquet?.(copy, seen.sink)
  return seen
}

for (const name of ['v2.parquet', 'v2-gzip.parquet'])
  test(`aws-vpc-flow reads the sample ${name} as it reads text`, async () => {
    const { flows, coverage, rejected } = await read(bytesOf(name))
    assert.deepEqual(rejected, [])
    assert.deepEqual(
      flows.map(({ interface: of, account, source, destination, sourcePort, destinationPort, bytes, accepted }) => [
        ...[of, account, source, destination, sourcePort, destinationPort, bytes, accepted],
      ]),
      [
        ['10.0.1.20', '203.0.113.10', 49_152, 22, 4410, true],
        ['203.0.113.10', '10.0.1.20', 22, 49_152, 4096, true],
        ['2001:db8::20', '2001:db8::1', 34_892, 443, 8855, false],
      ].map(values => ['eni-0a1b2c3d4e5f60718', '123456789012', ...values]),
    )
    assert.deepEqual(
      coverage.map(({ status, start }) => [status, start]),
      [['nodata', 1_795_000_060]],
    )
  })

test('a Parquet file that is cut off anywhere is an InputError', async () => {
  const whole = bytesOf('v2.parquet')
  for (let length = 0; length < whole.length; length += 37)
    await assert.rejects(read(whole.subarray(0, length)), InputError)
})

test('what is no Parquet is an InputError', async () => {
  for (const text of ['', 'PAR1', 'version account-id', 'x'.repeat(10_000)])
    await assert.rejects(read(Buffer.from(text)), InputError)
})
