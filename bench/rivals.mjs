import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { createGunzip } from 'node:zlib'

// What the engine is measured against: Node's gunzip alone, and the usual ways to read lines. Plain JavaScript, so that none
// of them pays for having its types stripped.
const [, , what, file = ''] = process.argv
const stream = createReadStream(file, { highWaterMark: 256 * 1024 }).pipe(createGunzip({ chunkSize: 256 * 1024 }))
let seen = 0
if (what === 'gunzip') for await (const chunk of stream) seen += chunk.length
else
  for await (const line of createInterface({ input: stream }))
    seen += what === 'parse' ? Object.keys(JSON.parse(line)).length : line.split(' ').length
process.stdout.write(`${seen}\n`)
