import { InputError } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { Output } from '../output.ts'
import type { ContentSettings } from './content.ts'
import type { LogFile } from './files.ts'
import { bar } from './progress.ts'
import { openReading, type Reading } from './reading.ts'
import { newTally, type Tally } from './tally.ts'

/** More than these are read one after the other, by the times of their first records. */
const MAX_OPEN = 32

interface Planned {
  readonly file: LogFile
  readonly from: number
}

/**
 * Reads the files side by side in the order of their records' times, as far as a file's own order allows: always a piece of
 * the one that is furthest behind. Returns why files could not be read.
 */
export async function readInOrder(
  files: readonly LogFile[],
  settings: ContentSettings,
  sink: Sink,
  tally: Tally,
  output: Output,
): Promise<readonly string[]> {
  const unreadable: string[] = []
  const shown = bar(output, files, tally)
  async function attempt<T>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read()
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      unreadable.push(thrown.message)
      return undefined
    }
  }
  const waiting: Planned[] = []
  for (const file of files) {
    const from = files.length === 1 || file.size === undefined ? 0 : await attempt(() => firstTime(file, settings))
    if (from !== undefined) waiting.push({ file, from })
  }
  waiting.sort((a, b) => a.from - b.from)
  const open: Reading[] = []
  for (;;) {
    const furthestBehind = open.reduce<Reading | undefined>(
      (least, one) => (least === undefined || one.time() < least.time() ? one : least),
      undefined,
    )
    const next = waiting[0]
    if (next && open.length < MAX_OPEN && (!furthestBehind || next.from <= furthestBehind.time())) {
      waiting.shift()
      const reading = await attempt(() => openReading(next.file, settings, sink, tally))
      if (reading) open.push(reading)
      continue
    }
    if (!furthestBehind) break
    const more = await attempt(() => furthestBehind.step())
    if (!more) open.splice(open.indexOf(furthestBehind), 1)
    shown.moved()
  }
  shown.done()
  return unreadable
}

/** The time of the first record, by a look at the file's first piece. 0 where there is none in it. */
async function firstTime(file: LogFile, settings: ContentSettings): Promise<number> {
  let first = 0
  const at = (time: number) => {
    if (first === 0) first = time
  }
  const probe: Sink = {
    flow: ({ start }) => at(start),
    coverage: ({ start }) => at(start),
    name: ({ time }) => at(time),
    alert: ({ time }) => at(time),
    load: ({ time }) => at(time),
    toolCall: ({ start }) => at(start),
    reject() {},
  }
  const reading = await openReading(file, settings, probe, newTally())
  while (first === 0 && (await reading.step()));
  reading.stop()
  return first
}
