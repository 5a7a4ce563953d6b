import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import * as z from 'zod'
import { reasonOf } from '../../functions/core/errors.ts'
import { chance } from './matrix/chance.ts'
import { PHASES } from './matrix/phases.ts'
import { FAULTS, type Fault } from './matrix/runs.ts'
import type { Job, Known, Ran, Ready } from './matrix.worker.ts'

const HELP = `Usage: npm run faults -- [options]

Plays a breakout, its cut and its release once for each fault at each call that the playbook makes (cloud, ledger, queue,
tracker), and once for each moment at which the functions could be ended, and holds the end against what must always be true.

  --json            the figures as one line of JSON, and nothing else on standard output
  --only TEXT       only the runs whose name contains the text
  --share N         only one in N of the runs, by the seed
  --no-pairs        functions are ended once and no second time
  --samples N       of pairs that end in no state of their own, so many for each first end (default 1)
  --seed N          of what is left to chance (default 1)
  --threads N       default: one a core
  --at-once N       runs that a thread plays at once: some wait for a timeout (default 4)
  --help

Exits with 0 where nothing is broken, 1 where something is, 2 where it was called wrongly.`

/** One bit for each of the first 24 bits of a digest. */
const KNOWN_BYTES = 2 ** 24 / 8

const whole = z.coerce.number().int().min(1).max(1_000_000)

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        json: { type: 'boolean', default: false },
        only: { type: 'string', default: '' },
        share: { type: 'string', default: '1' },
        pairs: { type: 'boolean', default: true },
        samples: { type: 'string', default: '1' },
        seed: { type: 'string', default: '1' },
        threads: { type: 'string', default: String(availableParallelism()) },
        'at-once': { type: 'string', default: '4' },
        help: { type: 'boolean', default: false },
      },
      allowNegative: true,
    })
    return {
      ...values,
      samples: z.coerce.number().int().min(0).parse(values.samples),
      share: whole.parse(values.share),
      seed: whole.parse(values.seed),
      threads: whole.parse(values.threads),
      atOnce: whole.parse(values['at-once']),
    }
  } catch (thrown) {
    process.stderr.write(`${thrown instanceof z.ZodError ? z.prettifyError(thrown) : reasonOf(thrown)}\n\n${HELP}\n`)
    process.exit(2)
  }
}

const options = readArguments()
if (options.help) {
  process.stdout.write(`${HELP}\n`)
  process.exit(0)
}

const faults = Object.keys(FAULTS) as Fault[]

function planOf({ points, moments }: Ready): Job[] {
  const { seed, samples, share } = options
  const pairs = options.pairs ? { seed, samples } : undefined
  const killed = PHASES.flatMap(phase => moments[phase].map(one => ({ phase, killed: one, pairs })))
  const faulty = PHASES.flatMap(phase => points[phase].flatMap(point => faults.map(fault => ({ phase, point, fault }))))
  return [...killed, ...faulty].filter(job => {
    const name = nameOf(job)
    return name.includes(options.only) && chance(seed, name) < 1 / share
  })
}

function nameOf(job: Job): string {
  return 'fault' in job ? `${job.phase}: ${job.fault} at ${job.point}` : `${job.phase}: ended ${job.killed}`
}

const began = performance.now()
const known: Known = {
  alike: new SharedArrayBuffer(KNOWN_BYTES),
  roughlyAlike: new SharedArrayBuffer(KNOWN_BYTES),
}
const workers = Array.from(
  { length: options.threads },
  () =>
    new Worker(new URL('matrix.worker.ts', import.meta.url), {
      workerData: known,
      // Each run leaves much behind and little for long.
      resourceLimits: { maxYoungGenerationSizeMb: 128 },
    }),
)
let queue: Job[] | undefined
let jobs = 0
let done = 0
const broken: Ran[] = []
let runs = 0
let points = 0

function tell(): void {
  const seconds = Math.round((performance.now() - began) / 1000)
  const text = `faults: ${done} of ${jobs}, ${runs} runs, ${broken.length} broken, ${seconds} s`
  if (process.stderr.isTTY) process.stderr.write(`\r\u001B[2K${text}`)
  else if (done % 50 === 0) process.stderr.write(`${text}\n`)
}

await Promise.all(
  workers.map(
    worker =>
      new Promise<void>((resolve, reject) => {
        let busy = 0
        function next(): void {
          const job = queue?.shift()
          if (job) {
            busy += 1
            worker.postMessage(job)
          } else if (busy === 0) resolve()
        }
        worker.on('error', reject)
        worker.on('message', (message: Ready | readonly Ran[]) => {
          if ('points' in message) {
            if (!queue) {
              points = PHASES.reduce((sum, phase) => sum + message.points[phase].length, 0)
              queue = planOf(message)
              jobs = queue.length
            }
            for (let started = 0; started < options.atOnce; started++) next()
            return
          }
          busy -= 1
          done += 1
          runs += message.length
          for (const ran of message)
            if (ran.broken.length > 0) {
              broken.push(ran)
              process.stderr.write(`${process.stderr.isTTY ? '\n' : ''}${ran.run}\n  ${ran.broken.join('\n  ')}\n`)
            }
          tell()
          next()
        })
      }),
  ),
)
await Promise.all(workers.map(worker => worker.terminate()))

const figures = {
  points,
  kinds: faults.length + 2,
  runs,
  violations: broken.length,
  seconds: Math.round((performance.now() - began) / 1000),
}
if (process.stderr.isTTY) process.stderr.write('\n')
// Nothing was looked at, which must not be taken for nothing broken.
if (runs === 0) {
  process.stderr.write('No run was played: see --only and --share\n')
  process.exit(2)
}
process.stdout.write(
  options.json
    ? `${JSON.stringify(figures)}\n`
    : `${figures.points} points, ${figures.kinds} kinds of faults, ${runs} runs, ${figures.violations} broken, ${figures.seconds} s\n`,
)
process.exitCode = broken.length > 0 ? 1 : 0
