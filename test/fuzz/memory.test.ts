import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'

/** Of the heap. The largest payload that is read is 64 MiB decompressed, and its text and objects stand beside each other. */
const HEAP_MB = 320
const BUFFERS = 192 << 20

for (const input of [
  '256 MiB of zeros',
  'numbers instead of events',
  'empty objects instead of events',
  'as many empty objects as are parsed',
  'files of one line without end',
  'files of ever new addresses and names',
])
  test(`${input}: memory stays within its bound`, async () => {
    const worker = new Worker(new URL('memory.worker.ts', import.meta.url), {
      workerData: input,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    })
    const [buffers] = await once(worker, 'message')
    await worker.terminate()
    assert.ok(typeof buffers === 'number' && buffers < BUFFERS, `${buffers} bytes of buffers`)
  })
