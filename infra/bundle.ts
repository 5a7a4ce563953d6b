import { mkdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'

/** What is deployed of each function: the factory, given the environment of the process. */
const FUNCTIONS = { watch: 'createWatch', respond: 'createRespond', verify: 'createVerify', operate: 'createOperate' } as const

const root = join(import.meta.dirname, '..')
const out = join(root, 'dist/aws')

await rm(out, { recursive: true, force: true })
await mkdir(out, { recursive: true })
for (const [name, factory] of Object.entries(FUNCTIONS)) {
  const outfile = join(out, name, 'index.js')
  await build({
    stdin: {
      contents: `import { ${factory} } from './functions/entry/aws/${name}.ts'\nexport const handler = ${factory}(process.env)\n`,
      resolveDir: root,
      loader: 'ts',
      sourcefile: `${name}.ts`,
    },
    outfile,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'cjs',
    // CommonJS with these fields loads EC2's client in 85 ms, against 103 as ESM and 186 by default (measured, Node 24).
    mainFields: ['module', 'main'],
    // An error's stack must name our lines.
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
  })
  const { size } = await stat(outfile)
  process.stdout.write(`${name.padEnd(8)} ${Math.ceil(size / 1024)} KB\n`)
}
