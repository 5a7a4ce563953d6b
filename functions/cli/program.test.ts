import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import type { Command } from 'commander'
import { EXIT } from './exit.ts'
import { main } from './main.ts'
import { programOf } from './program.ts'

/** What a command says, with no terminal around it. */
function listening() {
  const said = { out: '', err: '' }
  const to = (stream: keyof typeof said) => (text: string) => {
    said[stream] += text
  }
  return { said, output: { out: to('out'), err: to('err'), live: false } }
}

const program = programOf(listening().output, () => {})
const manual = await readFile(new URL('../../docs/cli.md', import.meta.url), 'utf8')

interface Named {
  readonly path: readonly string[]
  readonly command: Command
}

function below(command: Command, path: readonly string[] = []): Named[] {
  const inner = command.commands.filter(one => one.name() !== 'help')
  return [{ path, command }, ...inner.flatMap(one => below(one, [...path, one.name()]))]
}

const commands = below(program)
const leaves = commands.filter(({ command }) => command.commands.length === 0)

async function help(path: readonly string[]): Promise<string> {
  const { said, output } = listening()
  assert.equal(await main([...path, '--help'], output), EXIT.ok)
  return said.out
}

const line = (path: readonly string[]) => ['firebreak', ...path].join(' ')

test('there is every command that the documentation of an incident names', () => {
  const paths = commands.map(({ path }) => line(path))
  for (const verb of ['list', 'show', 'report', 'approve', 'release'])
    assert.ok(paths.includes(`firebreak incidents ${verb}`), verb)
  assert.ok(paths.includes('firebreak journal verify'))
})

for (const { path, command } of commands)
  test(`${line([...path, '--help'])} has a sentence for the command and for each of its commands, arguments and options`, async () => {
    const text = (await help(path)).replaceAll(/\s+/g, ' ')
    assert.ok(text.startsWith(`Usage: ${line(path)}`), text)
    assert.ok(command.description().length > 10)
    assert.ok(text.includes(command.description().replaceAll(/\s+/g, ' ')))
    for (const { description, flags } of command.options) {
      assert.ok(description.length > 5, flags)
      assert.ok(text.includes(`${flags} ${description}`), flags)
    }
    for (const argument of command.registeredArguments) {
      assert.ok(argument.description.length > 5, argument.name())
      assert.ok(text.includes(argument.description), argument.name())
    }
    for (const inner of command.commands.filter(one => one.name() !== 'help'))
      assert.ok(text.includes(inner.description()), inner.name())
  })

for (const { path } of leaves)
  test(`${line([...path, '--help'])} says what its exit codes mean`, async () => {
    const [, codes = ''] = (await help(path)).split('\nExit code:\n')
    const told = codes.trimEnd().split('\n')
    for (const one of told) assert.match(one, /^ {2}[0-4] {2}\w.{3,}/)
    const numbers = told.map(one => Number(one.trim().charAt(0)))
    assert.ok(numbers.includes(EXIT.ok) && numbers.includes(EXIT.unusable), codes)
    assert.deepEqual(numbers, numbers.toSorted())
  })

test('docs/cli.md names every command, every option and every exit code, and no other', () => {
  for (const { path, command } of leaves) {
    const [, own = ''] = manual.split(`\n### \`${line(path)}`)
    const [section = ''] = own.split(/\n##/)
    assert.ok(section !== '', `${line(path)} is not in docs/cli.md`)
    const told = new Set(section.match(/--[a-z-]+/g))
    for (const { long } of command.options)
      assert.ok(told.delete(long ?? ''), `${line(path)} ${long} is not in docs/cli.md`)
    assert.deepEqual([...told], [], `docs/cli.md has options that ${line(path)} has not`)
  }
  const sections = [...manual.matchAll(/\n### `(firebreak[a-z ]*[a-z])/g)].map(([, name]) => name)
  assert.deepEqual(sections.toSorted(), leaves.map(({ path }) => line(path)).toSorted())
  for (const code of Object.values(EXIT)) assert.match(manual, new RegExp(`\\n\\| ${code} \\| \\w`))
})

test('what is no command, no option, or lacks its value ends with 2 and a hint on standard error', async () => {
  for (const args of [
    ['extinguish'],
    ['incidents', 'pray'],
    ['incidents', 'show'],
    ['incidents', 'release', 'i-0123456789abcdef0', '--maybe'],
    ['incidents', 'release', 'i-0123456789abcdef0', '--force'],
    ['incidents', 'release', 'i-0123456789abcdef0', '--wait', 'long'],
    ['journal'],
    ['operate', 'release'],
  ]) {
    const { said, output } = listening()
    assert.equal(await main(args, output), EXIT.unusable, args.join(' '))
    assert.equal(said.out, '', args.join(' '))
    assert.notEqual(said.err, '', args.join(' '))
  }
})
