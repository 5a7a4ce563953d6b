import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { Command } from 'commander'
import { EXIT, wholeNumber } from '../program.ts'
import type { Evaluation, EvaluationOptions } from './evaluate.ts'
import { meets, report } from './table.ts'

const PARTS = 2

interface CorpusOptions {
  readonly instances: number
  readonly hours: number
  readonly breakouts: number
  readonly seeds: number
  readonly from: number
  readonly only: string
  readonly explain?: boolean
}

/** Scores detection on the labelled corpus, a fleet a seed, by turns with and without resolver logs, and with and without the agents' tool calls. */
export function corpusCommand(): Command {
  return new Command('corpus')
    .description('Scores detection on the labelled fleets that the sandbox network makes')
    .exitOverride()
    .showHelpAfterError('Add --help to see what is possible.')
    .option('--instances <count>', 'the size of a fleet', wholeNumber(1, 10_000), 200)
    .option('--hours <count>', 'hours of virtual time', wholeNumber(1, 1000), 24)
    .option('--breakouts <count>', 'breakouts of each kind', wholeNumber(1, 1000), 2)
    .option('--seeds <count>', 'how many fleets', wholeNumber(1, 1000), 2)
    .option('--from <number>', "the first one's number, to score other fleets", wholeNumber(1, 1_000_000), 1)
    .option('--only <pattern>', 'judge only those whose habit or breakout matches it, to look into one of them', '')
    .option('--explain', 'tell each breakout that was not cut and each false finding')
    .addHelpText('after', '\nExit code: 0 if what is promised was met, 1 if not, 2 if it could not run as asked.\n')
    .action(async (options: CorpusOptions) => {
      process.exitCode = (await scored(options)) ? EXIT.ok : EXIT.failed
    })
}

async function scored({
  instances,
  hours,
  breakouts,
  seeds,
  from,
  only,
  explain = false,
}: CorpusOptions): Promise<boolean> {
  const evaluations: Evaluation[] = []
  for (let number = from; number < from + seeds; number++) {
    const began = performance.now()
    const seed = `corpus-${number}`
    const dns = number % 2 === 1
    const traces = (number - 1) % 4 >= 2
    const options = { seed, dns, traces, only, instances, lasts: hours * 3_600_000, ofEach: breakouts }
    // Each part makes the whole fleet's traffic, which is most of the work where few are judged.
    const count = only === '' ? PARTS : 1
    const parts = await Promise.all(
      Array.from({ length: count }, (_, part) => evaluated({ ...options, part, parts: count })),
    )
    evaluations.push(...parts)
    const records = parts.reduce((sum, { flows }) => sum + flows, 0)
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    const logs = `${dns ? 'with' : 'without'} resolver logs, ${traces ? 'with' : 'without'} tool calls`
    process.stdout.write(`${seed}, ${logs}: ${records} flow records, ${seconds} s\n`)
  }
  process.stdout.write(report(evaluations, { explain }))
  return meets(evaluations)
}

async function evaluated(options: EvaluationOptions): Promise<Evaluation> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options })
  const [evaluation]: Evaluation[] = await once(worker, 'message')
  if (!evaluation) throw new Error('Cannot score the corpus: a part of it said nothing')
  return evaluation
}
