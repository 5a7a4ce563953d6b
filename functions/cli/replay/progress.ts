import { type Output, painted, progress } from '../output.ts'
import type { LogFile } from './files.ts'
import type { Tally } from './tally.ts'

const WIDTH = 30
const EVERY_MS = 100

/** How far the files are read: a bar on a terminal, nothing elsewhere. */
export function bar(output: Output, files: readonly LogFile[], tally: Tally) {
  const total = files.reduce<number | undefined>(
    (sum, { size }) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  )
  const line = progress(output, painted('cyan', 'replay:', process.stderr))
  let last = 0
  return {
    moved(): void {
      const now = performance.now()
      if (!output.live || now - last < EVERY_MS) return
      last = now
      const records = `${tally.records.toLocaleString('en')} records`
      if (total === undefined || total === 0) line.say(records)
      else {
        const done = Math.min(1, tally.bytes / total)
        const full = Math.round(done * WIDTH)
        line.say(`${'█'.repeat(full)}${'░'.repeat(WIDTH - full)} ${Math.floor(done * 100)} %  ${records}`)
      }
    },
    done: () => line.done(),
  }
}
