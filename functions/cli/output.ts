import { createInterface } from 'node:readline/promises'
import { stripVTControlCharacters, styleText } from 'node:util'

/** Where a command writes. Standard output carries the result; progress and errors go to standard error. */
export interface Output {
  out(text: string): void
  err(text: string): void
  /** True where a person sits at the other end of standard error, so that a line may be redrawn. */
  readonly live: boolean
  /** Columns of the terminal to which the result goes. Absent where none does: what is piped has its lines whole. */
  readonly width?: number
  /** Asks a person at a terminal. Absent where nobody sits at one. */
  readonly confirm?: (question: string) => Promise<boolean>
}

export const processOutput: Output = {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  live: process.stderr.isTTY === true,
  // Some terminals tell no width, or 0.
  ...(process.stdout.isTTY && process.stdout.columns >= 40 ? { width: Math.min(process.stdout.columns, 100) } : {}),
  ...(process.stdin.isTTY && process.stderr.isTTY ? { confirm } : {}),
}

/** Anything but a clear yes is a no, the end of the input too. */
async function confirm(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const ended = new AbortController()
  lines.once('close', () => ended.abort())
  try {
    return /^(?:y|yes)$/i.test((await lines.question(question, { signal: ended.signal })).trim())
  } catch (thrown) {
    if (ended.signal.aborted) return false
    throw thrown
  } finally {
    lines.close()
  }
}

type Style = Parameters<typeof styleText>[0]

/** Colour on a terminal only; NO_COLOR and FORCE_COLOR are honoured by styleText itself. */
export function painted(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true })
}

/** Lines that stay, above a last one that says what is going on. The last one is redrawn, and shown on a terminal only. */
export function progress(output: Output, prefix: string) {
  let last = ''
  const clear = () => {
    if (output.live) output.err('\r\x1b[2K')
  }
  function say(text: string): void {
    if (text === last) return
    last = text
    if (output.live) output.err(`\r\x1b[2K${prefix} ${text}`)
  }
  return {
    say,
    /** What happened, and when by the clock that `say` last told. */
    tell(text: string): void {
      clear()
      const indent = stripVTControlCharacters(prefix).length + 1
      const lines = wrapped(`${last === '' ? '' : `${last}, `}${text}`, 80 - indent)
      output.err(`${prefix} ${lines.join(`\n${' '.repeat(indent)}`)}\n`)
      if (output.live) output.err(`${prefix} ${last}`)
    },
    done: clear,
  }
}

/** Lines of at most `width` columns, broken between words; a longer word stands alone. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
