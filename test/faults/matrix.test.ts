import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

const Figures = z.object({ points: z.number(), kinds: z.number(), runs: z.number(), violations: z.number() })

interface Ran {
  readonly code: number
  readonly figures: z.infer<typeof Figures>
  readonly told: string
}

function matrix(nodeOptions: readonly string[], ...options: string[]): Promise<Ran> {
  const command = [...nodeOptions, fileURLToPath(new URL('run.ts', import.meta.url)), '--json', ...options]
  return new Promise(resolve => {
    execFile(process.execPath, command, { timeout: 300_000, maxBuffer: 1 << 24 }, (failure, out, told) => {
      resolve({ code: failure ? Number(failure.code) : 0, figures: Figures.parse(JSON.parse(out)), told })
    })
  })
}

test('a restore point that is written after the swap is found by the matrix', async () => {
  const plant = ['--import', new URL('plant.ts', import.meta.url).href]
  const only = ['--no-pairs', '--only', 'cut: ended before ec2']
  const { code, figures, told } = await matrix(plant, ...only)
  assert.equal(code, 1)
  assert.ok(figures.violations > 0)
  assert.match(told, /the restore point is not the original one/)
})

test('one in 40 runs of the matrix, taken by chance, breaks nothing', async t => {
  const { code, figures, told } = await matrix([], '--no-pairs', '--share', '40')
  assert.equal(figures.violations, 0, told)
  assert.equal(code, 0)
  assert.ok(figures.runs > 10)
  t.diagnostic(JSON.stringify(figures))
})
