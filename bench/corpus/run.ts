import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import type { Evaluation, EvaluationOptions } from './evaluate.ts'
import { meets, report } from './table.ts'

/** `node bench/corpus/run.ts`: scores detection on the labelled corpus, a fleet a seed, by turns with and without resolver logs. */

const PARTS = 2

const { values } = parseArgs({
  // `npm run bench -- corpus` names it.
  allowPositionals: true,
  options: {
    instances: { type: 'string', default: '200' },
    hours: { type: 'string', default: '24' },
    /** Breakouts of each kind. */
    breakouts: { type: 'string', default: '2' },
    seeds: { type: 'string', default: '2' },
    /** The first one's number, to score other fleets. */
    from: { type: 'string', default: '1' },
    explain: { type: 'boolean', default: false },
  },
})

const evaluations: Evaluation[] = []
for (let index = Number(values.from) - 1; evaluations.length < PARTS * Number(values.seeds); index++) {
  const began = performance.now()
  const seed = `corpus-${index + 1}`
  const dns = index % 2 === 0
  const options = {
    seed,
    dns,
    instances: Number(values.instances),
    lasts: Number(values.hours) * 3_600_000,
    ofEach: Number(values.breakouts),
  }
  const parts = await Promise.all(
    Array.from({ length: PARTS }, (_, part) => evaluated({ ...options, part, parts: PARTS })),
  )
  evaluations.push(...parts)
  const records = parts.reduce((sum, { flows }) => sum + flows, 0)
  const seconds = ((performance.now() - began) / 1000).toFixed(0)
  process.stdout.write(`${seed}, ${dns ? 'with' : 'without'} resolver logs: ${records} flow records, ${seconds} s\n`)
}
process.stdout.write(report(evaluations, { explain: values.explain }))
process.exitCode = meets(evaluations) ? 0 : 1

async function evaluated(options: EvaluationOptions): Promise<Evaluation> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: options })
  const [evaluation]: Evaluation[] = await once(worker, 'message')
  if (!evaluation) throw new Error('Cannot score the corpus: a part of it said nothing')
  return evaluation
}
