import { styleText } from 'node:util'

/** Where a command writes. Standard output carries the result; progress and errors go to standard error. */
export interface Output {
  out(text: string): void
  err(text: string): void
  /** True where a person sits at the other end of standard error, so that a line may be redrawn. */
  readonly live: boolean
}

export const processOutput: Output = {
  out: text => void process.stdout.write(text),
  err: text => void process.stderr.write(text),
  live: process.stderr.isTTY === true,
}

type Style = Parameters<typeof styleText>[0]

/** Colour on a terminal only; NO_COLOR and FORCE_COLOR are honoured by styleText itself. */
export function painted(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream, validateStream: true })
}

/** A line that says what is going on: redrawn on a terminal, one line a change elsewhere. */
export function progress(output: Output, prefix: string) {
  let last = ''
  return {
    say(text: string): void {
      if (text === last) return
      last = text
      if (output.live) output.err(`\r\x1b[2K${prefix} ${text}`)
    },
    done(): void {
      if (output.live) output.err('\r\x1b[2K')
    },
  }
}
