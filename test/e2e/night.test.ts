import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { journalPartition } from '../../functions/core/journal.ts'
import { awsAdapters, systemClock } from '../../functions/entry/aws/adapters.ts'

/** The command line as the one who was woken has it in hand: real processes, on the sandbox that a drill has left. */

const command = fileURLToPath(new URL('../../functions/cli/firebreak.mjs', import.meta.url))
const scenarios = new URL('../../events/scenarios/', import.meta.url)
const timeout = 240_000

const SANDBOX_USER = /arn:aws:iam::\d{12}:user\/sandbox/

let folder = ''
let drill: ChildProcess | undefined
let environment: Record<string, string> = {}
let id = ''
let instance = ''

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** What another shell runs, with the printed lines of `export` for AWS and nothing else. */
function firebreak(args: readonly string[], more: Record<string, string | undefined> = {}): Promise<Ran> {
  const aws = Object.entries(environment).filter(([name]) => name.startsWith('AWS_'))
  const env = { PATH: process.env['PATH'], HOME: folder, ...Object.fromEntries(aws), ...more }
  return new Promise(resolve => {
    const child = execFile(process.execPath, [command, ...args], { env, timeout: 120_000 }, (failure, out, err) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, err }),
    )
    child.stdin?.end()
  })
}

/** Of a run that says nothing but its result: no colour, no cursor movement. */
function assertPlain({ out, err }: Ran): void {
  for (const text of [out, err])
    for (const control of ['\u001b', '\r']) assert.ok(!text.includes(control), JSON.stringify(text))
}

before(
  async () => {
    folder = await mkdtemp(join(tmpdir(), 'firebreak-night-'))
    // Shape alone over port 443 is told and not cut: the cut is a person's.
    const scenario = JSON.parse(await readFile(new URL('tunnel-443.json', scenarios), 'utf8'))
    const members = scenario.instances.filter(({ name }: { name: string }) => name === scenario.expect.instance)
    const path = join(folder, 'night.json')
    const small = { ...scenario, expect: { ...scenario.expect, untouched: [] }, instances: members }
    await writeFile(path, JSON.stringify(small))
    const child = spawn(process.execPath, [command, 'drill', path, '--keep', '--out', folder])
    drill = child
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => {
      said += chunk
    })
    while (!said.includes('stays until Ctrl-C')) {
      assert.equal(child.exitCode, null, said)
      await sleep(200)
    }
    const exports = said.matchAll(/^export (\w+)='(.*)'$/gm)
    environment = Object.fromEntries([...exports].map(([, name = '', value = '']) => [name, value]))
  },
  { timeout },
)

after(async () => {
  drill?.kill('SIGKILL')
  await rm(folder, { recursive: true, force: true })
})

test('list tells the incident that the drill has left, open and not cut', { timeout }, async () => {
  const ran = await firebreak(['incidents', 'list'])
  assert.equal(ran.code, 0, ran.err)
  const [, incident = '', broken = ''] =
    /^(fb-[0-9a-f]{16}) {2}(i-[0-9a-f]+) {2}open .*not cut \(alert\)/m.exec(ran.out) ?? []
  assert.ok(incident && broken, ran.out)
  ;[id, instance] = [incident, broken]
  assertPlain(ran)
  assert.equal(ran.err, '')
  const { incidents } = JSON.parse((await firebreak(['incidents', 'list', '--all', '--json'])).out)
  assert.deepEqual(
    incidents.map((one: { id: string }) => one.id),
    [id],
  )
})

test('show tells the state, why in three lines, and what to type next', { timeout }, async () => {
  const ran = await firebreak(['incidents', 'show', instance])
  assert.equal(ran.code, 0, ran.err)
  const [, why = ''] = /\nWhy:\n((?: {2}- .*\n)+)/.exec(ran.out) ?? []
  const lines = why.trimEnd().split('\n')
  assert.ok(lines.length >= 1 && lines.length <= 3, ran.out)
  for (const line of lines) assert.match(line, /^ {2}- \+\d+ /)
  assert.match(ran.out, /\nReported, not cut\. /)
  assert.match(ran.out, new RegExp(`\\n {2}npx firebreak incidents approve ${id}\\n`))
  assert.match(ran.out, /\nJournal intact: \d+ entries, the last [0-9a-f]{64}\n$/)
  assertPlain(ran)
})

test('colour comes where it is asked for, and NO_COLOR keeps it away', { timeout }, async () => {
  const coloured = await firebreak(['incidents', 'show', id], { FORCE_COLOR: '1' })
  assert.ok(coloured.out.includes('\u001b['), coloured.out)
  assertPlain(await firebreak(['incidents', 'show', id], { NO_COLOR: '1' }))
})

test('report writes the page and the Markdown, and prints where', { timeout }, async () => {
  const ran = await firebreak(['incidents', 'report', id, '--out', join(folder, 'reports')])
  assert.equal(ran.code, 0, ran.err)
  const [page = '', text = ''] = ran.out.trimEnd().split('\n')
  assert.match(await readFile(page, 'utf8'), /^<!doctype html>/i)
  assert.ok((await readFile(text, 'utf8')).includes(`npx firebreak incidents approve ${id}`))
})

test('approve cuts, and the journal names whose signature that was', { timeout }, async () => {
  const ran = await firebreak(['incidents', 'approve', id, '--json'])
  assert.equal(ran.code, 0, ran.out + ran.err)
  const { outcome, by } = JSON.parse(ran.out)
  assert.equal(outcome, 'approved')
  assert.match(by, SANDBOX_USER)
  const { incident, journal } = JSON.parse((await firebreak(['incidents', 'show', id, '--json'])).out)
  assert.equal(incident.approvedBy, by)
  assert.equal(incident.verdict, 'isolate')
  assert.ok(JSON.stringify(journal).includes(`"text":"Approved by ${by}"`))
  const again = await firebreak(['incidents', 'approve', id])
  assert.equal(again.code, 2)
  assert.match(again.err, /is approved already or needs no approval\n$/)
})

test('release without a terminal and without --yes puts nothing back, and says what it would', {
  timeout,
}, async () => {
  const ran = await firebreak(['incidents', 'release', id])
  assert.equal(ran.code, 2)
  assert.equal(ran.out, '')
  assert.match(ran.err, / takes back, in this order and as far as it can be taken back:\n/)
  assert.match(ran.err, /\n {2}swap-groups\n {4}- Moved eni-\w+ from sg-\w+ to sg-\w+\n/)
  assert.match(ran.err, /\nHow it stood before the cut, .*:\n {2}eni-\w+ in sg-\w+\n/)
  assert.match(ran.err, /there is no terminal to ask at; --yes says it in a script\n$/)
  const { incident } = JSON.parse((await firebreak(['incidents', 'show', id, '--json'])).out)
  assert.equal(incident.releasedBy, undefined)
  assert.equal(incident.steps['swap-groups'].status, 'done')
})

test('release --yes puts back, a watch tells it in plain lines and ends with the incident', { timeout }, async () => {
  const watched = firebreak(['incidents', 'show', id, '--watch'])
  const ran = await firebreak(['incidents', 'release', id, '--yes'])
  assert.equal(ran.code, 0, ran.out + ran.err)
  assert.match(ran.out, new RegExp(`^${instance} \\(${id}\\) is released\\n`))
  assert.match(ran.out, /\n {4}swap-groups: /)
  const seen = await watched
  assert.equal(seen.code, 0, seen.err)
  assert.match(seen.out, /\n\d\d:\d\d:\d\d {2}approved: Approved by arn:/)
  assert.match(seen.out, /\n\d\d:\d\d:\d\d {2}released: Release asked for by arn:.*user\/sandbox\n/)
  assert.match(seen.out, /\n\d\d:\d\d:\d\d {2}Released\. .*\n$/)
  assertPlain(seen)
  const again = await firebreak(['incidents', 'release', id, '--yes'])
  assert.equal(again.code, 2)
  assert.match(again.err, /it is closed since \S+ and was released by arn:aws:iam::\d{12}:user\/sandbox\n$/)
})

test('a closed incident is still listed, shown and verified', { timeout }, async () => {
  assert.match((await firebreak(['incidents'])).out, new RegExp(`^${id} .* closed .* restored `))
  assert.match((await firebreak(['incidents', 'show', id])).out, /\nReleased\. /)
  const ran = await firebreak(['journal', 'verify', id])
  assert.equal(ran.code, 0, ran.err)
  const [, last = ''] = /is intact: \d+ entries, the last ([0-9a-f]{64})\n$/.exec(ran.out) ?? []
  const told = await firebreak(['journal', 'verify', id, '--head', last])
  assert.equal(told.code, 0, told.out)
  const replaced = await firebreak(['journal', 'verify', id, '--head', '0'.repeat(64)])
  assert.equal(replaced.code, 1)
  assert.match(replaced.out, /no entry has the hash 0{64}/)
})

test('a journal row that somebody rewrote is found, and its entry named', { timeout }, async () => {
  const { ledger, close } = awsAdapters('operate', environment, systemClock)
  const key = { partition: journalPartition(id), sort: 'journal/000002' }
  const whole = await ledger.read(key)
  try {
    const text = JSON.stringify(whole?.value).replace(/"text":"[^"]+"/, '"text":"nothing happened"')
    await ledger.write(key, JSON.parse(text), 'any')
    const ran = await firebreak(['journal', 'verify', id])
    assert.equal(ran.code, 1)
    assert.match(ran.out, /is BROKEN:\n {2}entry 2 was changed: it bears the hash [0-9a-f]{64} .* \(it says it is by /)
    assert.match((await firebreak(['incidents', 'show', id])).out, /\nJOURNAL BROKEN: entry 2 was changed/)
    const { intact, faults } = JSON.parse((await firebreak(['journal', 'verify', id, '--json'])).out)
    assert.equal(intact, false)
    assert.deepEqual(
      faults.map(({ sequence }: { sequence: number }) => sequence),
      [2],
    )
    await ledger.remove(key, 'any')
    assert.match((await firebreak(['journal', 'verify', id])).out, /\n {2}entry 2 is missing\n/)
    await ledger.write(key, { sequence: 'two' }, 'any')
    assert.match((await firebreak(['journal', 'verify', id])).out, /\n {2}entry 2 is no entry any more: /)
    await ledger.write(key, whole?.value, 'any')
    assert.equal((await firebreak(['journal', 'verify', id])).code, 0)
  } finally {
    close()
  }
})

for (const { what, args, more, code, says } of [
  {
    what: 'a malformed id',
    args: ['show', 'fb-0; reboot'],
    more: {},
    code: 2,
    says: /it is neither an incident, .* nor an instance/,
  },
  {
    what: 'an incident of another account',
    args: ['show', 'fb-0123456789abcdef'],
    more: {},
    code: 2,
    says: /account \d{12} has no such incident; one of another account/,
  },
  {
    what: 'an instance that has had none',
    args: ['release', 'i-0123456789abcdef0', '--yes'],
    more: {},
    code: 2,
    says: /account \d{12} has had no incident on that instance/,
  },
  {
    what: 'no credentials',
    args: ['list'],
    more: { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
    code: 3,
    says: /Cannot ask without credentials: set AWS_PROFILE/,
  },
  {
    what: 'no region',
    args: ['list'],
    more: { AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined },
    code: 2,
    says: /neither AWS_REGION nor AWS_DEFAULT_REGION is set/,
  },
  {
    what: 'nobody at the endpoint',
    args: ['list'],
    more: { AWS_ENDPOINT_URL: 'http://127.0.0.1:9', AWS_MAX_ATTEMPTS: '1' },
    code: 4,
    says: /Cannot get an answer of firebreak-operate:look in /,
  },
])
  test(`${what} ends with ${code} and one sentence on standard error`, { timeout }, async () => {
    const ran = await firebreak(['incidents', ...args], more)
    assert.equal(ran.code, code, ran.out + ran.err)
    assert.equal(ran.out, '')
    assert.match(ran.err, says)
    assert.match(ran.err, /^firebreak: .*\n$/)
    assertPlain(ran)
  })

test('Ctrl-C ends the drill that was kept', { timeout }, async () => {
  assert.ok(drill)
  const ended = new Promise(resolve => drill?.once('exit', (code, signal) => resolve({ code, signal })))
  drill.kill('SIGINT')
  assert.deepEqual(await ended, { code: 0, signal: null })
})
