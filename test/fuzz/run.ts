import { parseArgs } from 'node:util'
import * as z from 'zod'
import { again, type Failure, fuzzed, targets } from './fuzzing.ts'
import { scan } from './scan.ts'

/** The long run: `npm run fuzz -- --inputs 1000000 --seed 7`, and one input again: `npm run fuzz -- --again '<its line>'`. */

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    first: { type: 'string', default: '0' },
    peers: { type: 'string', default: '1000000' },
    again: { type: 'string' },
  },
})
const whole = z.coerce.number().int().nonnegative()
const Line = z.object({ target: z.string(), seed: z.string(), input: z.base64() })

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function report(failure: Failure): void {
  const { reason, ...line } = failure
  say(`${failure.target} broke: ${reason}`)
  say(JSON.stringify(line))
  process.exitCode = 1
}

const mebi = (bytes: number) => `${Math.round(bytes / 1_048_576)} MB`

async function decoders(inputs: number, seed: number, first: number): Promise<void> {
  say(`${inputs} inputs for ${targets.length} targets, seed ${seed}, from number ${first} on`)
  const began = performance.now()
  const failure = await fuzzed(inputs, seed, { first, progress })
  function progress(done: number): void {
    if (done % 10_000 !== 0) return
    const { heapUsed, rss } = process.memoryUsage()
    const rate = Math.round(done / ((performance.now() - began) / 1000))
    say(`${done} inputs, ${rate} inputs/s, heap ${mebi(heapUsed)}, resident ${mebi(rss)}`)
  }
  if (failure) report(failure)
  else say(`${inputs} inputs, nothing broke`)
}

async function peers(count: number): Promise<void> {
  const { row, shared, heap, decision } = await scan(count)
  say(
    `A scan of ${count} peers: ${row} bytes in its row, ${shared} in shared rows, heap grew by ${mebi(heap)}, ${decision}`,
  )
}

if (values.again === undefined) {
  await decoders(whole.parse(values.inputs), whole.parse(values.seed), whole.parse(values.first))
  await peers(whole.parse(values.peers))
} else {
  const failure = again(Line.parse(JSON.parse(values.again)))
  if (failure) report(failure)
  else say('It does not break any more')
}
