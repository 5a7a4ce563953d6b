import { bundle, writeWhole, zip } from './aws/artifacts.ts'
import { FUNCTIONS } from './aws/functions.ts'

/** Bundles every function as it is deployed and says how large each is. What goes to AWS is packaged by serverless.yml. */
await writeWhole('package.json', Buffer.from('{"type":"commonjs"}\n'))
for (const name of FUNCTIONS) {
  const { code, map } = await bundle(name)
  await writeWhole(`${name}/index.js`, code)
  await writeWhole(`${name}/index.js.map`, map)
  const zipped = zip({ 'index.js': code })
  const size = (bytes: Uint8Array) => `${Math.ceil(bytes.byteLength / 1024)} KB`
  process.stdout.write(`${name.padEnd(8)} ${size(code).padStart(8)} ${size(zipped).padStart(8)} zipped\n`)
}
