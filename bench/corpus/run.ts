import { parseArgs } from 'node:util'
import { evaluate } from './evaluate.ts'
import { report } from './table.ts'

const { values } = parseArgs({
  options: {
    instances: { type: 'string', default: '200' },
    hours: { type: 'string', default: '24' },
    of: { type: 'string', default: '2' },
    seeds: { type: 'string', default: 'one,two' },
    explain: { type: 'boolean', default: false },
  },
})

const evaluations = []
for (const [index, seed] of values.seeds.split(',').entries()) {
  const began = performance.now()
  const dns = index % 2 === 0
  const evaluation = await evaluate({
    seed,
    dns,
    instances: Number(values.instances),
    lasts: Number(values.hours) * 3_600_000,
    ofEach: Number(values.of),
  })
  const seconds = (performance.now() - began) / 1000
  process.stdout.write(
    `seed ${seed}, ${dns ? 'with' : 'without'} resolver logs: ${evaluation.flows} records in ${seconds.toFixed(1)} s\n`,
  )
  evaluations.push(evaluation)
}
process.stdout.write(report(evaluations, { explain: values.explain }))
