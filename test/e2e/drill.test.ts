import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'
import { refuseOutside } from '../../functions/cli/drill/deployment.ts'

const command = fileURLToPath(new URL('../../functions/cli/firebreak.mjs', import.meta.url))
const breakout = fileURLToPath(new URL('../faults/breakout.json', import.meta.url))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

let directory = ''
/** Stands where the shell's environment says that AWS is. Nobody may come. */
let visits = 0
const trap = createServer((_, response) => {
  visits += 1
  response.writeHead(500).end()
})

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'firebreak-drill-'))
  await new Promise<void>(resolve => trap.listen(0, '127.0.0.1', resolve))
})
after(async () => {
  trap.closeAllConnections()
  await new Promise(resolve => trap.close(resolve))
  await rm(directory, { recursive: true })
})

/** In a shell that is set up for a real account: a profile, keys, endpoints and a proxy. */
function firebreak(...args: string[]): Promise<Ran> {
  const address = trap.address()
  assert.ok(address !== null && typeof address === 'object')
  const elsewhere = `http://127.0.0.1:${address.port}`
  const env = {
    PATH: process.env['PATH'],
    HOME: directory,
    AWS_PROFILE: 'production',
    AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'example',
    AWS_SESSION_TOKEN: 'example',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: elsewhere,
    AWS_ENDPOINT_URL_EC2: elsewhere,
    AWS_ENDPOINT_URL_DYNAMODB: elsewhere,
    AWS_ENDPOINT_URL_SQS: elsewhere,
    AWS_EC2_METADATA_SERVICE_ENDPOINT: elsewhere,
    HTTP_PROXY: elsewhere,
    HTTPS_PROXY: elsewhere,
    NO_COLOR: '1',
  }
  return new Promise(resolve => {
    execFile(process.execPath, [command, ...args], { env, cwd: directory, timeout: 300_000 }, (failure, out, err) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, err }),
    )
  })
}

const Line = z.looseObject({
  ok: z.boolean(),
  scenario: z.string(),
  cloud: z.literal('aws'),
  incidents: z.number(),
  cut: z.looseObject({
    state: z.string(),
    roundTrips: z.number(),
    ledgerTrips: z.number(),
    residualBytes: z.number(),
    interfaces: z.number(),
  }),
  volumes: z.number(),
  snapshots: z.number(),
  tickets: z.number(),
  untouched: z.array(z.string()),
  report: z.string(),
  failures: z.array(z.string()),
})

describe('firebreak drill', () => {
  it('--json prints one object on one line, last on standard output, and exits 0', async () => {
    const { code, out, err } = await firebreak('drill', breakout, '--json', '--out', directory)
    assert.equal(code, 0, out + err)
    assert.equal(out.split('\n').length, 2)
    assert.ok(out.endsWith('}\n'))
    const { ok, scenario, cut, incidents, volumes, snapshots, tickets, untouched, report } = Line.parse(JSON.parse(out))
    assert.deepEqual(
      { ok, scenario, incidents, volumes, snapshots, tickets, untouched },
      {
        ok: true,
        scenario: 'breakout',
        incidents: 1,
        volumes: 3,
        snapshots: 3,
        tickets: 1,
        untouched: ['agent'],
      },
    )
    assert.deepEqual([cut.state, cut.residualBytes, cut.interfaces], ['cut', 0, 2])
    assert.ok(cut.roundTrips >= 1 && cut.roundTrips <= 3, `${cut.roundTrips} round trips`)
    assert.ok(cut.ledgerTrips >= 1 && cut.ledgerTrips <= 2, `${cut.ledgerTrips} ledger trips`)
    assert.ok(report.startsWith(directory) && existsSync(report), report)
    assert.equal(err, '')
  })

  it('--without deny-peers exits 1 and names the tunnels that survived, with their bytes', async () => {
    const { code, out, err } = await firebreak('drill', breakout, '--without', 'deny-peers', '--out', directory)
    assert.equal(code, 1, out + err)
    const text = out.replaceAll(/\s+/g, ' ')
    const survived = /survived the cut: (.*?), (\d+) bytes in all/.exec(text)
    assert.ok(survived, out)
    assert.match(survived[1] ?? '', /reverse tunnel to 203\.0\.113\.9:22 \([1-9]\d* bytes\)/)
    assert.match(survived[1] ?? '', /reverse tunnel to 203\.0\.113\.200:22 \([1-9]\d* bytes\)/)
    assert.ok(Number(survived[2]) > 0)
    assert.doesNotMatch(text, /they disagree/)
    assertPlain(out + err)
  })

  it('--without swap-groups exits 1: no interface is in quarantine, and no cut is claimed', async () => {
    const { code, out, err } = await firebreak(
      'drill',
      breakout,
      '--without',
      'swap-groups',
      '--json',
      '--out',
      directory,
    )
    assert.equal(code, 1, out + err)
    const { ok, cut, failures } = Line.parse(JSON.parse(out))
    assert.equal(ok, false)
    assert.equal(cut.interfaces, 0)
    assert.ok(failures.includes('interfaces in quarantine: 0 instead of 2'))
    assert.notEqual(cut.state, 'cut')
  })

  for (const { what, args, says } of [
    {
      what: 'a step that is none, and lists those that are',
      args: ['drill', breakout, '--without', 'pray'],
      says: /Cannot leave out step "pray": there are .*deny-peers/,
    },
    {
      what: 'a scenario that is none, and names it',
      args: ['drill', 'atlantis'],
      says: /Cannot read scenario ".*atlantis\.json"/,
    },
    { what: 'an option that is none', args: ['drill', '--fast'], says: /unknown option '--fast'.*\n.*--help/ },
    { what: 'a command that is none', args: ['extinguish'], says: /unknown command 'extinguish'.*\n.*--help/ },
    { what: 'an option without its value', args: ['drill', '--without'], says: /argument missing.*\n.*--help/ },
  ])
    it(`exits 2 on ${what}`, async () => {
      const { code, out, err } = await firebreak(...args)
      assert.equal(code, 2, out + err)
      assert.equal(out, '')
      assert.match(err, says)
      assert.doesNotMatch(err, /^ {4}at /m)
      assertPlain(err)
    })

  for (const name of [[], ['drill'], ['sandbox'], ['operate']])
    it(`firebreak ${[...name, '--help'].join(' ')} says how it is used`, async () => {
      const { code, out, err } = await firebreak(...name, '--help')
      assert.equal(code, 0)
      assert.ok(out.startsWith(`Usage: firebreak ${name.join('')}`.trimEnd()), out)
      assert.equal(err, '')
      assertPlain(out)
    })

  it('asked nobody at the endpoints, profile, proxy and metadata service of the shell', () => {
    assert.equal(visits, 0)
  })
})

describe('refuseOutside()', () => {
  it('lets loopback pass and nothing else', () => {
    for (const endpoint of ['http://127.0.0.1:4566', 'http://[::1]:4566']) refuseOutside(endpoint)
    for (const endpoint of [
      'https://ec2.eu-central-1.amazonaws.com',
      'http://198.51.100.7:4566',
      'http://127.0.0.1.example.com',
      'http://127.0.0.1@example.com',
      'http://localhost.example.org',
    ])
      assert.throws(() => refuseOutside(endpoint), /Cannot drill against ".*": a drill speaks to loopback only/)
  })
})

/** No colour, no cursor movement: what is piped is text. */
function assertPlain(text: string): void {
  assert.ok(!text.includes('\u001b'), JSON.stringify(text))
  assert.ok(!text.includes('\r'))
}
