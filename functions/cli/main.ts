import { CommanderError } from 'commander'
import { ConfigurationError, DeniedError, InputError, UnreachableError } from '../core/errors.ts'
import { plain } from '../report/text.ts'
import { EXIT } from './exit.ts'
import { type Output, painted, processOutput } from './output.ts'
import { programOf } from './program.ts'

/** Runs the command and returns its exit code. */
export async function main(args: readonly string[], output: Output = processOutput): Promise<number> {
  let code: number = EXIT.ok
  const program = programOf(output, ended => {
    code = ended
  })
  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.unusable
    const failed = codeOf(thrown)
    if (failed === undefined || !(thrown instanceof Error)) throw thrown
    // It may quote what came from outside, and a terminal obeys what it is sent.
    const lines = thrown.message.split('\n').map(plain)
    output.err(`${painted('red', 'firebreak:', process.stderr)} ${lines.join('\n')}\n`)
    return failed
  }
}

/** Of a failure that a person can act on; any other is a bug, and shows its stack. */
function codeOf(thrown: unknown): number | undefined {
  if (thrown instanceof InputError || thrown instanceof ConfigurationError) return EXIT.unusable
  if (thrown instanceof DeniedError) return EXIT.denied
  return thrown instanceof UnreachableError ? EXIT.unreachable : undefined
}
