import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface Measured {
  /** Wall time of the whole process, its start included. */
  readonly seconds: number
  /** Processor time of it and its threads. */
  readonly processor: number
  /** The most resident memory. */
  readonly megabytes: number
}

type Command = readonly [string, ...string[]]

const cli = fileURLToPath(new URL('../functions/cli/firebreak.mjs', import.meta.url))
const rivals = fileURLToPath(new URL('./rivals.ts', import.meta.url))

export const REPLAY = (file: string): Command => [process.execPath, cli, 'replay', file, '--json']

/** Each command in turn, several times over, so that what else the machine does meets all of them. The fastest run counts. */
export async function runs(file: string, times: number) {
  const commands = {
    replay: REPLAY(file),
    gzip: ['gzip', '-dc', file],
    gunzip: [process.execPath, rivals, 'gunzip', file],
    split: [process.execPath, rivals, 'split', file],
  } satisfies Record<string, Command>
  const best: Partial<Record<keyof typeof commands, Measured>> = {}
  for (let run = 0; run < times; run++)
    for (const name of ['replay', 'gzip', 'gunzip', 'split'] as const) {
      const measured = await measure(commands[name])
      const before = best[name]
      if (!before || measured.seconds < before.seconds) best[name] = measured
    }
  const of = (name: keyof typeof commands): Measured => best[name] ?? { seconds: 0, processor: 0, megabytes: 0 }
  return { replay: of('replay'), gzip: of('gzip'), gunzip: of('gunzip'), split: of('split') }
}

/** GNU time tells the processor time and the memory; without it they are 0. */
export async function measure(command: Command): Promise<Measured> {
  const began = performance.now()
  const child = spawn('/usr/bin/time', ['-f', '%U %S %M', ...command], { stdio: ['ignore', 'ignore', 'pipe'] })
  let told = ''
  child.stderr.on('data', chunk => {
    told = (told + String(chunk)).slice(-4096)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error(`Cannot bench: ${command.join(' ')} exits with ${code}: ${told}`)
  const [user = 0, system = 0, kilobytes = 0] = (told.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  return {
    seconds: (performance.now() - began) / 1000,
    processor: user + system,
    megabytes: Math.round(kilobytes / 1024),
  }
}
