import { rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { painted, processOutput, progress } from '../functions/cli/output.ts'
import { type BenchOptions, bench } from './bench.ts'
import { corpusCommand } from './corpus/command.ts'
import { onDisk } from './disk.ts'
import { formats } from './logs/formats.ts'
import { hasTime } from './measure.ts'
import { run, wholeNumber } from './program.ts'
import { HEADING, shown } from './table.ts'

const MOST = 10_000_000
const SOURCES = [...new Set(formats.map(({ source }) => source))]

const program = new Command('bench')
  .description(
    'Measures replay, the whole engine, side by side with gzip and others on logs made from a seed; then what the ledger and Lambda cost.',
  )
  .exitOverride()
  .showHelpAfterError('Add --help to see what is possible.')
  .addOption(new Option('--source <id...>', 'only these sources').choices(SOURCES))
  .addOption(new Option('--mix <mix>', 'only this mix').choices(['local', 'scattered']))
  .option(
    '--size <records>',
    `records of each log, up to ${MOST}; without it ${[...new Set(formats.map(({ records }) => records))].join(', or ')} of JSON`,
    wholeNumber(1000, MOST),
  )
  .option('--runs <count>', 'how often each is run; the fastest run counts', wholeNumber(1, 100), 2)
  .option('--seed <number>', 'where the logs begin', wholeNumber(0, 2 ** 31 - 1), 7)
  .option('--instances <count>', 'the size of the fleet', wholeNumber(1, 10_000), 200)
  .option(
    '--growth [records]',
    'also a log of so many records, 1000000 unless told, and one of ten times as many: cost a record, memory',
    wholeNumber(1000, MOST / 10),
  )
  .option('--json', 'one JSON object a row, a line each')
  .addHelpText(
    'after',
    '\nLogs are made below TMPDIR and removed. Exit code: 0, or 2 if it could not run as asked; `corpus` 1 if it is not met.\n',
  )
  .action(measured)
  .addCommand(corpusCommand())

async function measured({
  growth,
  json,
  ...options
}: Omit<BenchOptions, 'growth'> & { readonly growth?: number | true; readonly json?: boolean }): Promise<void> {
  const line = progress(processOutput, painted('cyan', 'bench:', process.stderr))
  if (!(await hasTime()))
    process.stderr.write(
      'bench: neither memory nor processor time is measured; for both install GNU time as /usr/bin/time\n',
    )
  const directory = await onDisk(() => mkdtemp(join(tmpdir(), 'firebreak-bench-')))
  const clear = () => rmSync(directory, { recursive: true, force: true })
  const stop = () => {
    clear()
    process.exit(130)
  }
  process.once('SIGINT', stop).once('SIGTERM', stop)
  try {
    if (!json) process.stdout.write(`${HEADING}\n`)
    const asked = { ...options, ...(growth !== undefined && { growth: growth === true ? 1_000_000 : growth }) }
    for await (const row of bench(asked, directory, line.say)) {
      line.done()
      process.stdout.write(json ? `${JSON.stringify(row)}\n` : shown(row))
    }
  } finally {
    line.done()
    clear()
  }
}

await run(program)
