import { Command, InvalidArgumentError } from 'commander'
import { EXIT, type Exit, exitCodes } from './exit.ts'
import { addIncidents } from './incidents/commands.ts'
import type { Output } from './output.ts'
import { version } from './version.ts'

/** What a command tells when it is done. */
export type Ended = (code: Exit) => void

/** The command with all its subcommands. What they do is loaded when they are asked for. */
export function programOf(output: Output, ended: Ended): Command {
  const program = new Command('firebreak')
    .description('Cuts an AI agent that broke out off the network, keeps the evidence and opens a ticket.')
    .version(version(), '-V, --version', 'the version of this command')
    .exitOverride()
    .configureOutput({ writeOut: text => output.out(text), writeErr: text => output.err(text) })
    .showHelpAfterError('Add --help to see what is possible.')
    .addHelpText(
      'after',
      exitCodes('done', 'it ran, and something did not hold or did not come about', 'it could not be done as asked', {
        asks: true,
      }),
    )
  addDrill(program, output, ended)
  addSandbox(program, output)
  addIncidents(program, output, ended)
  addOperate(program, output)
  addReplay(program, output, ended)
  return program
}

function addDrill(program: Command, output: Output, ended: Ended): void {
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
    .addHelpText('after', exitCodes('every expectation held', 'an expectation did not hold', 'the drill could not run'))
    .action(async (scenario: string, options) => {
      const { drill } = await import('./drill/index.ts')
      ended((await drill(scenario, options, output)) ? EXIT.ok : EXIT.failed)
    })
}

function addSandbox(program: Command, output: Output): void {
  program
    .command('sandbox')
    .description('Serves the sandbox cloud on loopback until stopped, and prints the environment that reaches it')
    .argument('[scenario]', 'whose fleet it holds', 'rome')
    .option('--port <number>', 'the port to serve on', portOf, 0)
    .option('--json', 'print the environment as one JSON object')
    .addHelpText('after', exitCodes('it was stopped', undefined, 'the sandbox could not be served'))
    .action(async (scenario: string, options) => {
      const { serve } = await import('./sandbox.ts')
      await serve(scenario, options, output)
    })
}

function addOperate(program: Command, output: Output): void {
  const operate = program
    .command('operate')
    .description('Orders a drill of a deployment, stops it from making new cuts, and lets it make them again')
  const codes = exitCodes('done', undefined, 'it could not be asked for like that, or was refused', { asks: true })
  operate
    .command('drill')
    .description('Really cuts an instance that bears the drill tag, whatever the mode')
    .argument('<instance>', 'which one')
    .option('--json', 'print the answer as one JSON object')
    .addHelpText('after', codes)
    .action(async (instance: string, options) => {
      const { orderDrill } = await import('./operate.ts')
      await orderDrill(instance, options, output)
    })
  for (const { verb, what } of [
    { verb: 'halt', what: 'Stops every new cut until somebody resumes; what is cut stays cut' },
    { verb: 'resume', what: 'Ends a halt' },
  ] as const)
    operate
      .command(verb)
      .description(what)
      .option('--reason <text>', 'why, for the journal; it must be given')
      .option('--json', 'print the answer as one JSON object')
      .addHelpText('after', codes)
      .action(async options => {
        const { setHalt } = await import('./operate.ts')
        await setHalt(verb, options, output)
      })
}

function addReplay(program: Command, output: Output, ended: Ended): void {
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
    .addHelpText(
      'after',
      exitCodes('the files were read', undefined, 'a file could not be read; what could be read is told nonetheless'),
    )
    .action(async (files: string[], options) => {
      const [{ replay }, { keepHeapSmall }] = await Promise.all([
        import('./replay/index.ts'),
        import('./replay/memory.ts'),
      ])
      keepHeapSmall()
      ended((await replay(files, options, output)) ? EXIT.ok : EXIT.unusable)
    })
}

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
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
