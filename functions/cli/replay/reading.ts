import { InputError, quoted, reasonOf } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { LineReader } from '../../core/source.ts'
import { sources } from '../../sources/registry.ts'
import { type ContentSettings, looksLikeFlow, recordReader, sourceOf } from './content.ts'
import { type LogFile, openFile, rangedFile } from './files.ts'
import { counting, type Tally } from './tally.ts'

export interface Reading {
  readonly file: LogFile
  /** Reads a piece. False at the end. @throws InputError for what cannot be read; what was read until then stands. */
  step(): Promise<boolean>
  /** The newest record's time so far. */
  time(): number
  stop(): void
}

const FLOW = 'aws-vpc-flow'
/** So much of a file's beginning tells what is in it. */
const LOOKED_AT = 64 * 1024
/** A pretty-printed document is read as a whole. */
const MAX_DOCUMENT = 64 * 1024 * 1024

/** Opens a file for reading piece by piece into the sink. */
export async function openReading(
  file: LogFile,
  settings: ContentSettings,
  sink: Sink,
  tally: Tally,
): Promise<Reading> {
  const onBytes = (count: number) => {
    tally.bytes += count
  }
  const opened = await openFile(file, onBytes)
  let time = 0
  if (opened.encoding === 'parquet')
    return {
      file,
      async step() {
        await parquet(file, settings, sink, tally, onBytes)
        return false
      },
      time: () => time,
      stop() {},
    }
  const pieces = opened.chunks()[Symbol.asyncIterator]()
  let reader: LineReader | undefined
  let held: Uint8Array[] = []
  let size = 0

  function begin(): LineReader {
    const head = Buffer.concat(held)
    const one = readerFor(file, head, settings, sink, tally)
    held = []
    one.push(head)
    return one
  }

  return {
    file,
    async step() {
      const next = await failing(file, () => pieces.next())
      tally.time = time
      if (next.done) {
        if (size > 0) (reader ?? begin()).end()
        return false
      }
      size += next.value.length
      if (reader) reader.push(next.value)
      else {
        held.push(next.value.slice())
        if (size >= LOOKED_AT) reader = begin()
      }
      time = tally.time
      return true
    },
    time: () => time,
    stop: () => void pieces.return?.(),
  }
}

/** Chooses by content. @throws InputError where nothing in the file's beginning looks like a log. */
function readerFor(file: LogFile, head: Uint8Array, settings: ContentSettings, sink: Sink, tally: Tally): LineReader {
  const lines = Buffer.from(head).toString('utf8').split('\n')
  if (lines.length > 1) lines.pop()
  const first = lines.find(line => line.trim() !== '')?.trim()
  const records = recordReader(settings, sink, tally)
  if (first === undefined) return records.lines()
  if (first.startsWith('{') || first.startsWith('[')) return isWhole(first) ? records.lines() : document(file, records)
  const plain = !isTimed(first)
  const known = settings.source ?? (settings.fields === undefined ? undefined : FLOW)
  const source =
    known ??
    (lines.some(looksLikeFlow)
      ? FLOW
      : lines
          .map(bare)
          .map(sourceOf)
          .find(id => id !== undefined))
  if (source === undefined)
    throw new InputError(
      `Cannot read ${quoted(file.name)}: nothing in it looks like a log that is known; is --source missing?`,
    )
  if (source !== FLOW || !plain) return records.lines()
  const lineReader = sources[FLOW]?.lines({ fields: settings.fields }, counting(sink, tally, settings.range, true))
  return lineReader ?? records.lines()
}

const isTimed = (line: string) => line[4] === '-' && line[10] === 'T'
const bare = (line: string) => (isTimed(line) ? line.slice(line.indexOf(' ') + 1) : line)

function isWhole(line: string): boolean {
  // A long line is cut off by what is looked at.
  if (line.length > 1024 && !line.includes('\n')) return true
  const end = line.at(-1)
  return (end === '}' || end === ']') && line.length > 2
}

/** Holds the whole file, up to a bound. */
function document(file: LogFile, records: ReturnType<typeof recordReader>): LineReader {
  const pieces: Uint8Array[] = []
  let size = 0
  return {
    push(bytes) {
      size += bytes.length
      if (size > MAX_DOCUMENT)
        throw new InputError(`Cannot read ${quoted(file.name)}: a JSON document may have ${MAX_DOCUMENT} bytes`)
      pieces.push(bytes.slice())
    },
    end: () => records.documents(Buffer.concat(pieces)),
  }
}

async function parquet(
  file: LogFile,
  settings: ContentSettings,
  sink: Sink,
  tally: Tally,
  onBytes: (count: number) => void,
): Promise<void> {
  const source = sources[settings.source ?? FLOW]
  if (!source?.parquet)
    throw new InputError(`Cannot read ${quoted(file.name)}: there is no Parquet of ${quoted(source?.id)}`)
  const ranged = await rangedFile(file, onBytes)
  const { parquet: read } = source
  try {
    await failing(file, () => read(ranged, counting(sink, tally, settings.range, true)))
  } finally {
    await ranged.close()
  }
}

/** Says which file it was. */
async function failing<T>(file: LogFile, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (cause) {
    throw new InputError(`Cannot read ${quoted(file.name)}: ${reasonOf(cause)}`, { cause })
  }
}
