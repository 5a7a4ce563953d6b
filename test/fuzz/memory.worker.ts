import { parentPort, workerData } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { InputError } from '../../functions/core/errors.ts'
import { openKinesis } from '../../functions/sources/envelopes/records.ts'
import { collecting } from '../../functions/sources/envelopes/sink-fixture.ts'
import { openSubscription } from '../../functions/sources/envelopes/subscription.ts'
import { sources } from '../../functions/sources/registry.ts'

/** Runs in a worker whose heap is limited: it ends with an error where the input makes the code hold more. */

const MEBI = 1 << 20

/** What is handed on is the receiver's to bound. */
const silent = { ...collecting().sink, reject() {}, flow() {}, coverage() {}, name() {}, alert() {}, toolCall() {} }

const bomb = (text: string, size: number, head = '', tail = '') =>
  gzipSync(head + text.repeat(Math.floor(size / text.length)) + tail, { level: 6 }).toString('base64')

const head = '{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":['

function refused(work: () => unknown): void {
  try {
    work()
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
  }
}

const cases: Readonly<Record<string, () => void>> = {
  '256 MiB of zeros'() {
    const data = gzipSync(Buffer.alloc(256 * MEBI), { level: 1 }).toString('base64')
    refused(() => openSubscription({ awslogs: { data } }))
    refused(() => openKinesis({ Records: [{ eventID: '1', eventSource: 'aws:kinesis', kinesis: { data } }] }))
  },
  'numbers instead of events'() {
    refused(() => openSubscription({ awslogs: { data: bomb('0,', 60 * MEBI, head, '0]}') } }))
  },
  'empty objects instead of events'() {
    refused(() => openSubscription({ awslogs: { data: bomb('{},', 60 * MEBI, head, '{}]}') } }))
  },
  'as many empty objects as are parsed'() {
    refused(() => openSubscription({ awslogs: { data: bomb('{},', 5.9 * 1e6, head, '{}]}') } }))
  },
  'files of one line without end'() {
    for (const source of Object.values(sources)) {
      const reader = source.lines({}, silent)
      const chunk = Buffer.alloc(MEBI, 'x')
      for (let sent = 0; sent < 128; sent++) reader.push(chunk)
      reader.end()
    }
  },
  'files of ever new addresses and names'() {
    for (const [id, source] of Object.entries(sources)) {
      const reader = source.lines({}, silent)
      for (let line = 0; line < 50_000; line++) {
        const hex = line.toString(16).padStart(8, '0')
        const address = `2001:db8::${hex.slice(0, 4)}:${hex.slice(4)}`
        const text =
          id === 'aws-vpc-flow'
            ? `2 123456789012 eni-${hex} ${address} 10.0.1.20 22 40000 6 1 40 1795000000 1795000058 ACCEPT OK`
            : `{"query_timestamp":"2026-11-18T11:06:40Z","query_name":"${hex}.example.com.","srcaddr":"${address}"}`
        reader.push(Buffer.from(`${text}\n`))
      }
      reader.end()
    }
  },
}

const chosen = cases[String(workerData)]
if (!chosen) throw new Error(`There is no case ${String(workerData)}`)
chosen()
parentPort?.postMessage(process.memoryUsage().arrayBuffers)
