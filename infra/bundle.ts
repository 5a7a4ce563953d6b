import { bundle, writeWhole, zip } from './aws/artifacts.ts'
import { FUNCTIONS } from './aws/functions.ts'

/** Bundles every function as it is deployed and says how large each is. What goes to AWS is packaged by serverless.yml. */
await writeWhole('package.json', Buffer.from('{"type":"commonjs"}\n'))
for (const name of FUNCTIONS) {
  const { code, map, later } = await bundle(name)
  await writeWhole(`${name}/index.js`, code)
  await writeWhole(`${name}/index.js.map`, map)
  for (const [file, bytes] of Object.entries(later)) await writeWhole(`${name}/${file}`, bytes)
  const zipped = zip({ ...later, 'index.js': code })
  const size = (bytes: Uint8Array) => `${Math.ceil(bytes.byteLength / 1024)} KB`
  process.stdout.write(`${name.padEnd(8)} ${size(code).padStart(8)} ${size(zipped).padStart(8)} zipped\n`)
  for (const [file, bytes] of Object.entries(later))
    process.stdout.write(`  ${file.padEnd(24)} ${size(bytes).padStart(8)} when it is needed\n`)
}
