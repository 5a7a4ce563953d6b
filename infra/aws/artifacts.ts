import { mkdir, rename, writeFile } from 'node:fs/promises'
import { basename, join, resolve } from 'node:path'
import { type BuildOptions, build, type Plugin } from 'esbuild'
import { zipSync } from 'fflate'
import type { FunctionName } from '../../functions/clouds/aws/permissions.ts'
import { FACTORIES, FUNCTIONS } from './functions.ts'
import { configurationOf, type Settings } from './settings.ts'

const root = join(import.meta.dirname, '../..')

/** What serverless.yml names under `artifact`. */
export const ARTIFACTS = join(root, 'dist/aws')

export interface Bundle {
  readonly name: FunctionName
  readonly code: Uint8Array
  readonly map: Uint8Array
  /** What the function imports when it first needs it, by file name: its start neither reads nor parses it. */
  readonly later: Readonly<Record<string, Uint8Array>>
  /** The files that went into `code`, from the repository's root. */
  readonly inputs: readonly string[]
}

/** One function and all that it imports as one CommonJS file, with a file beside it for each of its dynamic imports. */
export async function bundle(name: FunctionName): Promise<Bundle> {
  const later = new Map<string, string>()
  const { outputFiles, metafile } = await build({
    ...COMMON,
    stdin: {
      contents: `import { ${FACTORIES[name]} } from './functions/entry/aws/${name}.ts'\nexport const handler = ${FACTORIES[name]}(process.env)\n`,
      resolveDir: root,
      loader: 'ts',
      sourcefile: `${name}.ts`,
    },
    outfile: join(ARTIFACTS, name, 'index.js'),
    metafile: true,
    sourcemap: 'external',
    sourcesContent: false,
    plugins: [apart(later)],
  })
  const [map, code] = [outputFiles.find(isMap), outputFiles.find(file => !isMap(file))]
  if (!map || !code) throw new Error(`Cannot bundle ${name}: esbuild gave ${outputFiles.length} files`)
  const files = await Promise.all([...later].map(async ([file, path]) => [file, await bundleLater(path)] as const))
  return {
    name,
    code: code.contents,
    map: map.contents,
    later: Object.fromEntries(files.toSorted(([a], [b]) => (a < b ? -1 : 1))),
    inputs: Object.keys(metafile.inputs),
  }
}

const COMMON = {
  absWorkingDir: root,
  write: false,
  bundle: true,
  minify: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // CommonJS with these fields loads EC2's client in 85 ms, against 103 as ESM and 186 by default (measured, Node 24).
  mainFields: ['module', 'main'],
  legalComments: 'none',
  logLevel: 'warning',
} satisfies BuildOptions

/** esbuild would put what is imported dynamically into the same file, where the start parses it. `later`: file name → module. */
function apart(later: Map<string, string>): Plugin {
  return {
    name: 'apart',
    setup({ onResolve }) {
      onResolve({ filter: /^\./ }, ({ kind, path, resolveDir }) => {
        // The SDK's own are for credentials that no function has.
        if (kind !== 'dynamic-import' || resolveDir.includes('node_modules')) return undefined
        const [file, module] = [`${basename(path, '.ts')}.js`, resolve(resolveDir, path)]
        if ((later.get(file) ?? module) !== module) throw new Error(`Cannot bundle: two modules would be ${file}`)
        later.set(file, module)
        return { path: `./${file}`, external: true }
      })
    },
  }
}

async function bundleLater(path: string): Promise<Uint8Array> {
  const { outputFiles } = await build({ ...COMMON, entryPoints: [path], outdir: ARTIFACTS })
  const [file] = outputFiles
  if (!file) throw new Error(`Cannot bundle ${path}: esbuild gave no file`)
  return file.contents
}

const isMap = ({ path }: { readonly path: string }) => path.endsWith('.map')

/** Local time, as fflate reads it: the same bytes in every time zone. */
const EPOCH_OF_ZIP = new Date(1980, 0, 1)
const UNIX = 3
const READABLE_BY_ALL = 0o100644

/** Same content, same bytes: an unchanged function is not deployed again. */
export function zip(files: Readonly<Record<string, Uint8Array>>): Uint8Array {
  const sorted = Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const attributes = { mtime: EPOCH_OF_ZIP, os: UNIX, attrs: READABLE_BY_ALL << 16, level: 9 } as const
  return zipSync(Object.fromEntries(sorted.map(([name, bytes]) => [name, [bytes, attributes]])))
}

/** Writes each function's artifact: its code and its configuration. Whole or not at all, so that packaging may run twice at once. */
export async function writeArtifacts(settings: Settings): Promise<void> {
  await Promise.all(
    FUNCTIONS.map(async name => {
      const { code, map, later } = await bundle(name)
      const configuration = Buffer.from(configurationOf(name, settings))
      await writeWhole(
        `${name}.zip`,
        zip({ ...settings.beside, ...later, 'index.js': code, 'firebreak.json': configuration }),
      )
      await writeWhole(`${name}/index.js.map`, map)
    }),
  )
}

export async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const target = join(ARTIFACTS, path)
  const unfinished = `${target}.${process.pid}`
  await mkdir(join(target, '..'), { recursive: true })
  await writeFile(unfinished, bytes)
  await rename(unfinished, target)
}
