import { type Command, CommanderError, InvalidArgumentError } from 'commander'
import { painted } from '../functions/cli/output.ts'
import { ConfigurationError, InputError } from '../functions/core/errors.ts'

/** As the command's own: 0 it ran, 1 it ran and something did not hold, 2 it could not run as asked. */
export const EXIT = { ok: 0, failed: 1, unusable: 2 } as const

/** Runs a program whose action sets `process.exitCode` where that is not 0. */
export async function run(program: Command): Promise<void> {
  try {
    await program.parseAsync()
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode === 0 ? EXIT.ok : EXIT.unusable
      return
    }
    if (!(thrown instanceof InputError || thrown instanceof ConfigurationError)) throw thrown
    process.stderr.write(`${painted('red', 'bench:', process.stderr)} ${thrown.message}\n`)
    process.exitCode = EXIT.unusable
  }
}

/** Parses an option that is a whole number, written with or without separators. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    const number = /^[\d_,]+$/.test(text) ? Number(text.replaceAll(/[_,]/g, '')) : Number.NaN
    if (Number.isInteger(number) && number >= least && number <= most) return number
    throw new InvalidArgumentError(`It is a whole number from ${least} to ${most}.`)
  }
}
