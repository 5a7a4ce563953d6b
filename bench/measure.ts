import { spawn } from 'node:child_process'
import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { InputError, quoted } from '../functions/core/errors.ts'

export interface Measured {
  /** Wall time of the whole process, its start included. */
  readonly seconds: number
  /** Processor time of it and its threads. `undefined` without GNU time, as is the next. */
  readonly processor: number | undefined
  /** The most resident memory. */
  readonly megabytes: number | undefined
  /** The end of what it wrote to standard output. */
  readonly told: string
}

export type Command = readonly [string, ...string[]]

const cli = fileURLToPath(new URL('../functions/cli/firebreak.mjs', import.meta.url))
const rivals = fileURLToPath(new URL('./rivals.mjs', import.meta.url))

export const replayOf = (file: string): Command => [process.execPath, cli, 'replay', file, '--json']
export const gzipOf = (file: string): Command => ['gzip', '-dc', file]
export const rivalOf = (what: 'gunzip' | 'split' | 'parse', file: string): Command => [
  process.execPath,
  rivals,
  what,
  file,
]

/**
 * Each command in turn, several times over, so that what else the machine does meets all of them. The fastest run of each
 * counts: the first compiles the engine into its cache, and no run is faster than the work takes.
 */
export async function sideBySide<Name extends string>(
  commands: Readonly<Record<Name, Command>>,
  times: number,
  began: (name: string, run: number) => void,
): Promise<Readonly<Record<Name, Measured>>> {
  const best: Partial<Record<Name, Measured>> = {}
  const names = Object.keys(commands).filter((name): name is Name => Object.hasOwn(commands, name))
  for (let run = 1; run <= times; run++)
    for (const name of names) {
      began(name, run)
      const measured = await measure(commands[name])
      const before = best[name]
      if (!before || measured.seconds < before.seconds) best[name] = measured
    }
  const isWhole = (given: Partial<Record<Name, Measured>>): given is Record<Name, Measured> =>
    names.every(name => given[name] !== undefined)
  if (!isWhole(best)) throw new RangeError(`Cannot bench: it was run ${times} times`)
  return best
}

/** GNU time starts the command from a process of its own, so that the memory is not that of the one that measures. */
const TIME = '/usr/bin/time'

export async function hasTime(): Promise<boolean> {
  return access(TIME).then(
    () => process.platform === 'linux',
    () => false,
  )
}

/** @throws InputError where the command cannot be run or fails. */
async function measure(command: Command): Promise<Measured> {
  const timed = await hasTime()
  const [program, ...args]: Command = timed ? [TIME, '-f', '%U %S %M', ...command] : command
  const began = performance.now()
  // What gzip writes goes where the issue's own comparison sends it.
  const child = spawn(program, args, { stdio: ['ignore', command[0] === 'gzip' ? 'ignore' : 'pipe', 'pipe'] })
  let told = ''
  let failures = ''
  child.stdout?.on('data', chunk => {
    told = (told + String(chunk)).slice(-4096)
  })
  child.stderr?.on('data', chunk => {
    failures = (failures + String(chunk)).slice(-4096)
  })
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', cause => reject(new InputError(`Cannot run ${quoted(command[0])}: is it installed?`, { cause })))
    child.on('close', resolve)
  })
  const seconds = (performance.now() - began) / 1000
  // GNU time ends so where there is no such program.
  if (code === 127) throw new InputError(`Cannot run ${quoted(command[0])}: is it installed?`)
  if (code !== 0)
    throw new InputError(`Cannot bench: ${quoted(command.join(' '))} ends with ${code}: ${failures.trim()}`)
  if (!timed) return { seconds, processor: undefined, megabytes: undefined, told }
  const [user = 0, system = 0, kilobytes = 0] = (failures.trim().split('\n').at(-1) ?? '').split(' ').map(Number)
  return { seconds, processor: user + system, megabytes: Math.round(kilobytes / 1024), told }
}
