import { parseArgs } from 'node:util'
import * as z from 'zod'
import { again, type Failure, fuzz, targets } from './fuzzing.ts'

/** The long run: `npm run fuzz -- --inputs 1000000 --seed 7`, and one input again: `npm run fuzz -- --again '<its line>'`. */

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000_000) },
    again: { type: 'string' },
  },
})
const whole = z.coerce.number().int().positive()
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

function long(inputs: number, seed: number): void {
  say(`${inputs} inputs for ${targets.length} targets, seed ${seed}`)
  const began = performance.now()
  const run = fuzz(inputs, seed)
  for (let step = run.next(); ; step = run.next()) {
    if (step.done) {
      if (step.value) report(step.value)
      else say(`${inputs} inputs, nothing broke`)
      return
    }
    const rate = step.value / ((performance.now() - began) / 1000)
    const { heapUsed, rss } = process.memoryUsage()
    const mebi = (bytes: number) => `${Math.round(bytes / 1_048_576)} MB`
    say(`${step.value} inputs, ${Math.round(rate)} inputs/s, heap ${mebi(heapUsed)}, resident ${mebi(rss)}`)
  }
}

if (values.again === undefined) long(whole.parse(values.inputs), whole.parse(values.seed))
else {
  const failure = again(Line.parse(JSON.parse(values.again)))
  if (failure) report(failure)
  else say('It does not break any more')
}
