import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { ConfigurationError, InputError } from '../core/errors.ts'
import { type Output, painted, processOutput } from './output.ts'
import { version } from './version.ts'

/** 0: done, every expectation held · 1: it ran and something did not hold · 2: it could not run as asked. */
const EXIT = { ok: 0, failed: 1, unusable: 2 } as const

/** Runs the command and returns its exit code. Subcommands are loaded when they are asked for. */
export async function main(args: readonly string[], output: Output = processOutput): Promise<number> {
  let code: number = EXIT.ok
  const program = new Command('firebreak')
    .description('Cuts an AI agent that broke out off the network, keeps the evidence and opens a ticket.')
    .version(version(), '-V, --version')
    .exitOverride()
    .configureOutput({ writeOut: text => output.out(text), writeErr: text => output.err(text) })
    .showHelpAfterError('Add --help to see what is possible.')

  program
    .command('drill')
    .description('Plays an incident on the sandbox cloud and checks that it is contained')
    .argument('[scenario]', 'one of events/scenarios/, or a scenario file', 'rome')
    .option('--all', 'every scenario of events/scenarios/, one after the other')
    .option('--json', 'one JSON object a scenario on standard output, a line each')
    .option('--without <step>', 'leave a step of the playbook out, to see what it is there for', collect, [])
    .option(
      '--latency <ms>',
      'let every call of the response take that long, and tell the times to the cut, the snapshots and the ticket beside those of the cut alone',
      latencyOf,
    )
    .option('--keep', 'leave the sandbox running afterwards, until Ctrl-C')
    .option('--out <dir>', 'where the reports go', '.firebreak')
    .addHelpText('after', '\nExit code: 0 if every expectation held, 1 if one did not, 2 if the drill could not run.\n')
    .action(async (scenario: string, options) => {
      const { drill } = await import('./drill/index.ts')
      code = (await drill(scenario, options, output)) ? EXIT.ok : EXIT.failed
    })

  program
    .command('sandbox')
    .description('Serves the sandbox cloud on loopback until stopped, and prints the environment that reaches it')
    .argument('[scenario]', 'whose fleet it holds', 'rome')
    .option('--port <number>', 'the port to serve on', portOf, 0)
    .option('--json', 'print the environment as one JSON object')
    .action(async (scenario: string, options) => {
      const { serve } = await import('./sandbox.ts')
      await serve(scenario, options, output)
    })

  program
    .command('operate')
    .description(
      'Asks a deployment for a drill, an approval, a release or the status, or halts new cuts, with FIREBREAK_CONFIG and AWS credentials',
    )
    .argument('<verb>', 'drill, approve, release, halt, resume or status')
    .argument('[id]', 'the instance or the incident that it is about')
    .option('--instance <id>', 'the instance that it is about')
    .option('--incident <id>', 'the incident that you looked at; refused if another one is open')
    .option('--reason <text>', 'of a halt or its end; it goes on the journal')
    .option('--by <name>', 'who asks; it goes on the journal', process.env['USER'])
    .option(
      '--force <step>',
      'of a release: put this step back although somebody else changed since what it had left',
      collect,
      [],
    )
    .option('--wait <seconds>', 'how long to wait until a release is carried out or refused', secondsOf, 60)
    .option('--json', 'print the answer as one JSON object')
    .addHelpText(
      'after',
      '\nExit code: 0, 1 if a release was refused or is not done yet, 2 if it could not be asked for.\n',
    )
    .action(async (verb: string, id: string | undefined, options) => {
      const { ask } = await import('./operate.ts')
      code = (await ask(verb, id, options, output)) ? EXIT.ok : EXIT.failed
    })

  program
    .command('replay')
    .description('Runs the detection over logs on disk and tells what it would have found')
    .argument('<files...>', 'log files, plain, gzip, zstd or Parquet; patterns are expanded, - is standard input')
    .option('--source <id>', 'whose logs they are; without it the content tells')
    .option(
      '--fields <format>',
      'the format of a flow log without a header, as it was given when the flow log was made',
    )
    .option(
      '--inventory <file>',
      'JSON array of {interface, instance, addresses, tags}; without it each interface is one',
    )
    .option('--since <time>', 'only records from that time on')
    .option('--until <time>', 'only records before that time')
    .option('--explain <instance>', 'its score minute by minute')
    .option('--json', 'one JSON object a finding and one for the whole, a line each')
    .addHelpText('after', '\nExit code: 0, or 2 if a file could not be read; what could be read is told nonetheless.\n')
    .action(async (files: string[], options) => {
      const [{ replay }, { keepHeapSmall }] = await Promise.all([
        import('./replay/index.ts'),
        import('./replay/memory.ts'),
      ])
      keepHeapSmall()
      code = (await replay(files, options, output)) ? EXIT.ok : EXIT.unusable
    })

  try {
    await program.parseAsync([...args], { from: 'user' })
    return code
  } catch (thrown) {
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.ok : EXIT.unusable
    if (!(thrown instanceof InputError || thrown instanceof ConfigurationError)) throw thrown
    output.err(`${painted('red', 'firebreak:', process.stderr)} ${thrown.message}\n`)
    return EXIT.unusable
  }
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}

function secondsOf(text: string): number {
  const seconds = Number(text)
  if (text === '' || !Number.isFinite(seconds) || seconds < 0 || seconds > 3600)
    throw new InvalidArgumentError('It is a number from 0 to 3600.')
  return seconds
}

function latencyOf(text: string): number {
  const latency = Number(text)
  if (!Number.isInteger(latency) || latency < 1 || latency > 5000)
    throw new InvalidArgumentError('It is a number of milliseconds from 1 to 5000.')
  return latency
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new InvalidArgumentError('It is a number from 0 to 65535.')
  return port
}
