import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

const command = fileURLToPath(new URL('./firebreak.mjs', import.meta.url))
const scenarios = new URL('../../events/scenarios/', import.meta.url)

const Shown = z.object({
  incident: z.object({
    drill: z.boolean(),
    closedAt: z.number().optional(),
    cut: z.object({ state: z.string() }),
    steps: z.record(z.string(), z.object({ status: z.string() })),
  }),
})

let folder = ''
let sandbox: ChildProcess | undefined
let said = ''
let environment: Record<string, string> = {}
let instance = ''

/** One small instance with half an hour of history, that may be drilled. */
async function scenarioFile(): Promise<string> {
  const scenario = JSON.parse(await readFile(new URL('tunnel-only.json', scenarios), 'utf8'))
  const worker = scenario.instances.find(({ name }: { name: string }) => name === scenario.expect.instance)
  worker.tags['firebreak:drill'] = 'true'
  const path = join(folder, 'small.json')
  const small = { ...scenario, history: '30m', expect: { ...scenario.expect, untouched: [] }, instances: [worker] }
  await writeFile(path, JSON.stringify(small))
  return path
}

/** What another shell would run, with the printed environment and nothing else of Firebreak's. */
function firebreak(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise(resolve => {
    const env = { PATH: process.env['PATH'], ...environment }
    execFile(process.execPath, [command, ...args], { env }, (failure, out, err) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, err }),
    )
  })
}

async function incident() {
  const { code, out, err } = await firebreak('incidents', 'show', instance, '--json')
  if (code === 2 && /has had no incident/.test(err)) return undefined
  assert.equal(code, 0, err)
  return Shown.parse(JSON.parse(out)).incident
}

/** Asks again until it is so; the test's own timeout bounds it. */
async function until<T>(ask: () => Promise<T | undefined>, is: (answer: T) => boolean): Promise<T> {
  for (;;) {
    const answer = await ask()
    if (answer !== undefined && is(answer)) return answer
    await sleep(500)
  }
}

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firebreak-'))
  const child = spawn(process.execPath, [command, 'sandbox', await scenarioFile(), '--json'])
  sandbox = child
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk
  })
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk
  })
  await until(
    async () => {
      assert.equal(child.exitCode, null, said)
      return said
    },
    text => text.includes('stays until Ctrl-C') && out.endsWith('\n'),
  )
  environment = z.record(z.string(), z.string()).parse(JSON.parse(out))
  instance = /is (i-[0-9a-f]+) and may be drilled/.exec(said)?.[1] ?? ''
})

after(async () => {
  sandbox?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

const timeout = 240_000

test('a drill that operate orders is carried out by the sandbox, and its release puts the instance back', {
  timeout,
}, async () => {
  assert.equal(await incident(), undefined)
  const asked = await firebreak('operate', 'drill', instance)
  assert.equal(asked.code, 0, asked.err)
  const cut = await until(incident, ({ steps }) => steps['swap-groups']?.status === 'done')
  assert.equal(cut.drill, true)

  const refused = await firebreak('incidents', 'release', 'fb-0123456789abcdef', '--yes')
  assert.equal(refused.code, 2)
  assert.match(refused.err, /Cannot find "fb-0123456789abcdef": account \d{12} has no such incident/)

  const released = await firebreak('incidents', 'release', instance, '--yes')
  assert.equal(released.code, 0, released.err)
  const closed = await until(incident, ({ closedAt }) => closedAt !== undefined)
  assert.equal(closed.cut.state, 'restored')
  assert.match(said, /isolate with 100 points: drill/)
})

test('operate halts new cuts until it resumes, with who and why, and the list tells it', { timeout }, async () => {
  const unexplained = await firebreak('operate', 'halt')
  assert.equal(unexplained.code, 2)
  const halted = await firebreak('operate', 'halt', '--reason', 'A rule went wrong')
  assert.match(halted.out, /^HALTED by arn:aws:iam::\d{12}:user\/sandbox at .*Z: A rule went wrong\n$/)
  assert.match((await firebreak('incidents')).out, /^HALTED by arn:/)
  const drill = await firebreak('operate', 'drill', instance)
  assert.equal(drill.code, 2)
  assert.match(drill.err, /Firebreak is halted by arn:aws:iam::\d{12}:user\/sandbox: A rule went wrong/)
  const resumed = await firebreak('operate', 'resume', '--reason', 'Repaired')
  assert.equal(resumed.code, 0, resumed.err)
  assert.match((await firebreak('incidents', 'list')).out, /^Resumed by arn:/)
})

test('the sandbox ends cleanly when it is interrupted', { timeout }, async () => {
  assert.ok(sandbox)
  const ended = new Promise(resolve => sandbox?.once('exit', (code, signal) => resolve({ code, signal })))
  sandbox.kill('SIGINT')
  assert.deepEqual(await ended, { code: 0, signal: null })
})
