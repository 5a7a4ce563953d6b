import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { after, afterEach, beforeEach, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import { main } from '../../functions/cli/main.ts'
import { connection } from '../../functions/clouds/aws/clients.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { readJournal } from '../../functions/core/journal.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { breakout, brokenOut, playToFinding, verified } from '../faults/stage.ts'

/** Who may ask what, who it was, and what comes of it when two ask or one asks too late. */

const command = fileURLToPath(new URL('../../functions/cli/firebreak.mjs', import.meta.url))
const timeout = 240_000
const before = { ...process.env }
const SOON = { ec2: 0, dynamodb: 0, sqs: 0, iam: 0, lambda: 0, sts: 0, logs: 0, s3: 0 }

let deployment: Deployment
let close = () => {}
let ledger: ReturnType<typeof awsAdapters>['ledger']
let instance = ''
let id = ''

/** The breakout as it is found in mode `approve`: it waits for a person. */
beforeEach(async () => {
  deployment = await deploy(breakout, {
    latencies: SOON,
    rules: { score: { alert: 70, isolate: 70 } },
    settings: { policy: { mode: 'approve' } },
  })
  await verified(deployment)
  await playToFinding(deployment)
  await deployment.respond()
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  ;[ledger, close] = [adapters.ledger, adapters.close]
  instance = brokenOut(deployment)
  id = (await loadIncident(ledger, instance))?.incident.id ?? ''
  assert.notEqual(id, '')
})

afterEach(async () => {
  close()
  await deployment.close()
})

after(() => {
  process.env = before
})

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

const asUser = (key: string) => ({ ...deployment.environment, AWS_ACCESS_KEY_ID: key, AWS_MAX_ATTEMPTS: '1' })

/** Lets the lanes be polled until it is done. */
async function polled<T>(running: Promise<T>): Promise<T> {
  let done = false
  const ended = running.finally(() => {
    done = true
  })
  while (!done) {
    await deployment.respond()
    await Promise.race([ended.catch(() => {}), sleep(100)])
  }
  return ended
}

/** A person of that access key; `answers`: what he says at the terminal that he sits at, if he does. */
function firebreak(
  args: readonly string[],
  { key = 'SANDBOX', answers, more = {} }: { key?: string; answers?: boolean[]; more?: Record<string, string> } = {},
): Promise<Ran> {
  process.env = { PATH: before['PATH'], ...asUser(key), ...more }
  const said = { out: '', err: '' }
  const output = {
    out(text: string) {
      said.out += text
    },
    err(text: string) {
      said.err += text
    },
    live: false,
    ...(answers ? { confirm: async () => answers.shift() ?? assert.fail('asked once too often') } : {}),
  }
  return polled(main(args, output).then(code => ({ code, ...said })))
}

function inItsOwnProcess(args: readonly string[], key: string): Promise<Ran> {
  const env = { PATH: before['PATH'], ...asUser(key) }
  return new Promise(resolve => {
    execFile(process.execPath, [command, ...args], { env, timeout: 120_000 }, (failure, out, err) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, err }),
    )
  })
}

/** Somebody who may invoke these aliases and nothing else of the account. */
function admit(name: string, aliases: readonly string[]): string {
  const accessKey = `PERSON${name.toUpperCase()}`
  const { region, account } = deployment.built.cloud
  const resources = aliases.map(alias => `arn:aws:lambda:${region}:${account}:function:firebreak-operate:${alias}`)
  deployment.sandbox.admit({ accessKey, name, permissions: [{ actions: ['lambda:InvokeFunction'], resources }] })
  return accessKey
}

const journal = () => readJournal(ledger, id)
const said = async () => (await journal()).flatMap(({ lines }) => lines.map(({ text }) => text))

test('who may approve may not release, and who may look may do neither; the journal names who did what', {
  timeout,
}, async () => {
  const [looker, approver, releaser] = [
    admit('looker', ['look']),
    admit('approver', ['look', 'approve']),
    admit('releaser', ['look', 'release']),
  ]
  const untouched = await journal()
  for (const { key, args, alias } of [
    { key: looker, args: ['approve', id], alias: 'approve' },
    { key: releaser, args: ['approve', id], alias: 'approve' },
    { key: looker, args: ['release', id, '--yes'], alias: 'release' },
    { key: approver, args: ['release', id, '--yes'], alias: 'release' },
  ]) {
    const { code, out, err } = await firebreak(['incidents', ...args], { key })
    assert.equal(code, 3, out + err)
    assert.equal(out, '')
    assert.match(err, new RegExp(`Cannot ${alias}: .* no lambda:InvokeFunction on firebreak-operate:${alias} in `))
  }
  assert.equal((await firebreak(['incidents', 'show', id], { key: looker })).code, 0)
  assert.deepEqual(await journal(), untouched)

  const approved = await firebreak(['incidents', 'approve', instance], { key: approver })
  assert.equal(approved.code, 0, approved.err)
  const released = await firebreak(['incidents', 'release', instance, '--yes'], { key: releaser })
  assert.equal(released.code, 0, released.err)
  const { account } = deployment.built.cloud
  const texts = await said()
  assert.ok(texts.includes(`Approved by arn:aws:iam::${account}:user/approver`), texts.join('\n'))
  assert.ok(texts.includes(`Release asked for by arn:aws:iam::${account}:user/releaser`), texts.join('\n'))
})

test('an alias takes what it is for and nothing else, whoever invokes it', { timeout }, async () => {
  const client = new LambdaClient(connection(asUser('SANDBOX'), 'LAMBDA'))
  const untouched = await journal()
  try {
    for (const { alias, request } of [
      { alias: 'look', request: { verb: 'approve', instance, incident: id, by: 'ada' } },
      { alias: 'approve', request: { verb: 'release', instance, incident: id, by: 'ada' } },
      { alias: 'release', request: { verb: 'halt', reason: 'I can', by: 'ada' } },
    ]) {
      const { FunctionError, Payload } = await client.send(
        new InvokeCommand({
          FunctionName: 'firebreak-operate',
          Qualifier: alias,
          Payload: JSON.stringify(request),
        }),
      )
      assert.equal(FunctionError, 'Unhandled')
      assert.match(Payload?.transformToString() ?? '', new RegExp(`Cannot ${request.verb} through .*${alias}`))
    }
  } finally {
    client.destroy()
  }
  await deployment.respond()
  assert.deepEqual(await journal(), untouched)
})

test('of two people who release at once both are told that it is released, and the second by whom', {
  timeout,
}, async () => {
  assert.equal((await firebreak(['incidents', 'approve', id])).code, 0)
  const people = ['ada', 'grace']
  const keys = people.map(name => admit(name, ['look', 'release']))
  const ran = await polled(Promise.all(keys.map(key => inItsOwnProcess(['incidents', 'release', id, '--yes'], key))))
  // One that came when all was over is told so before anything is asked for.
  for (const { code, out, err } of ran) {
    assert.ok(code === 0 || /it is closed since .* and was released by arn:/.test(err), out + err)
    if (code === 0) assert.match(out, / is released/)
  }
  const asked = (await said()).filter(text => text.startsWith('Release asked for by'))
  assert.equal(asked.length, 1)
  const [first = ''] = people.filter(name => asked[0]?.endsWith(`user/${name}`))
  const [second] = ran.filter((_, index) => people[index] !== first)
  assert.match((second?.out ?? '') + (second?.err ?? ''), new RegExp(`user/${first}`))
})

test('an approval that comes too late ends with 2, says until when it could be given, and changes nothing', {
  timeout,
}, async () => {
  deployment.clock.advance(25 * 3_600_000)
  const untouched = await journal()
  const { code, out, err } = await firebreak(['incidents', 'approve', id])
  assert.equal(code, 2, out + err)
  assert.match(
    err,
    /^firebreak: Cannot approve "i-\w+": It was open to approval until \S+Z, and the next finding asks anew\n$/,
  )
  assert.deepEqual(await journal(), untouched)
})

test('an approval while Firebreak is halted ends with 1 and says why nothing is cut', { timeout }, async () => {
  assert.equal((await firebreak(['operate', 'halt', '--reason', 'A change of network'])).code, 0)
  const { code, out } = await firebreak(['incidents', 'approve', id])
  assert.equal(code, 1, out)
  assert.match(
    out,
    / is not cut: Approved by arn:.*user\/sandbox and not cut: Firebreak is halted by arn:.*: A change of network\n$/,
  )
})

test('what a name brings along is shown and obeyed by no terminal', { timeout }, async () => {
  await deployment.operate({ verb: 'release', instance, by: '\u001b]0;owned\u0007\u202eada' })
  await deployment.respond()
  const { code, err } = await firebreak(['incidents', 'release', id, '--yes'])
  assert.equal(code, 2)
  assert.ok(err.endsWith('and was released by ‹U+001B›]0;owned‹U+0007›‹U+202E›ada\n'), JSON.stringify(err))
})

test('a name that looks like what a signature proves is refused, and one beside a signature', { timeout }, async () => {
  const by = `arn:aws:iam::${deployment.built.cloud.account}:root`
  await assert.rejects(deployment.operate({ verb: 'approve', instance, by }), {
    name: 'InputError',
    message: /^Cannot take "arn:.*" for a name/,
  })
  const caller = {
    date: '20261124T000000Z',
    authorization: `AWS4-HMAC-SHA256 Credential=A/20261124/eu-central-1/sts/aws4_request, SignedHeaders=host, Signature=${'0'.repeat(64)}`,
  }
  await assert.rejects(deployment.operate({ verb: 'approve', instance, by: 'ada', caller }), {
    message: /there is both a signature and a name/,
  })
})

test('what failed is told once, by the step and with its reason', { timeout }, async () => {
  deployment.sandbox.fault('ec2', 'ModifyInstanceMetadataOptions', 20, 'denied')
  assert.equal((await firebreak(['incidents', 'approve', id])).code, 0)
  const { code, out } = await firebreak(['incidents', 'show', id])
  assert.equal(code, 0)
  assert.match(out, /\nWhy:\n(?: {2}- \+\d+ .* \(\S+ port \d+\)\n){3}\n/)
  assert.match(out, /\nFailed:\n {2}- metadata-service failed: .*UnauthorizedOperation/)
  assert.equal(out.match(/UnauthorizedOperation/g)?.length, 1, out)
})

test('a release is put to the person at the terminal, and a no puts nothing back', { timeout }, async () => {
  assert.equal((await firebreak(['incidents', 'approve', id])).code, 0)
  const untouched = await journal()
  const no = await firebreak(['incidents', 'release', id], { answers: [false] })
  assert.equal(no.code, 1)
  assert.match(no.err, /\nNothing is released\n$/)
  assert.deepEqual(await journal(), untouched)
  const yes = await firebreak(['incidents', 'release', id], { answers: [true] })
  assert.equal(yes.code, 0, yes.err)
  assert.match(yes.out, / is released\n/)
})

test('what has drifted is put to the person before anything is put back, and a yes goes over it', {
  timeout,
}, async () => {
  assert.equal((await firebreak(['incidents', 'approve', id])).code, 0)
  const { cloud } = deployment.built
  const [held] = [...cloud.interfaces.values()].filter(one => one.instance === instance)
  assert.ok(held)
  const other = [...cloud.groups.values()].find(group => !held.groups.includes(group.id))?.id ?? ''
  held.groups = [...held.groups, other]
  const drifted = [...held.groups]
  const no = await firebreak(['incidents', 'release', id], { answers: [true, false] })
  assert.equal(no.code, 1, no.err)
  assert.match(
    no.err,
    /Nothing is put back yet\. Somebody else changed since the cut:\n {4}swap-groups: eni-\w+ was left in /,
  )
  assert.match(no.out, /is refused, and nothing is put back/)
  assert.deepEqual(held.groups, drifted)
  const yes = await firebreak(['incidents', 'release', id], { answers: [true, true] })
  assert.equal(yes.code, 0, yes.err)
  assert.match(yes.out, /swap-groups: Forced, although /)
  assert.notDeepEqual(held.groups, drifted)
})

test('what is not waited for is asked for and still goes its way', { timeout }, async () => {
  const { code, out } = await firebreak(['incidents', 'approve', id, '--wait', '0', '--json'])
  assert.equal(code, 0)
  assert.equal(JSON.parse(out).outcome, 'waiting')
  await deployment.respond()
  assert.equal((await loadIncident(ledger, instance))?.incident.verdict, 'isolate')
})

test('no deployment, no answer and a failure of its own end with 4 and a sentence', { timeout }, async () => {
  const { sandbox } = deployment
  const untouched = await journal()
  sandbox.fault('lambda', 'Invoke', 1, 'unheard')
  const unheard = await firebreak(['incidents', 'list'], { more: { FIREBREAK_REQUEST_TIMEOUT_MS: '300' } })
  assert.equal(unheard.code, 4, unheard.err)
  assert.match(unheard.err, /^firebreak: Cannot get an answer of firebreak-operate:look in .*\n$/)

  sandbox.fault('sts', '*', 1, 'error')
  const unknown = await firebreak(['incidents', 'approve', id])
  assert.equal(unknown.code, 4, unknown.err)
  assert.match(unknown.err, /Cannot tell who asks: STS answered 500\n$/)

  sandbox.serve('firebreak-operate', async () => ({ what: 'is this' }), ['look'])
  const other = await firebreak(['incidents', 'list'])
  assert.equal(other.code, 4)
  assert.match(other.err, /Cannot read the answer of the deployment: is it of another version\?/)

  sandbox.serve('firebreak-operate', async () => assert.fail('broken'), [])
  const missing = await firebreak(['incidents', 'list'])
  assert.equal(missing.code, 4)
  assert.match(missing.err, /there is no function firebreak-operate:look in .*; is Firebreak deployed there\?\n$/)
  assert.deepEqual(await journal(), untouched)
})
