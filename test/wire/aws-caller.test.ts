import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { after, before, test } from 'node:test'
import { LambdaClient } from '@aws-sdk/client-lambda'
import { identify, type Proof } from '../../functions/clouds/aws/caller.ts'
import { connection } from '../../functions/clouds/aws/clients.ts'
import { prove } from '../../functions/clouds/aws/operate-invoker.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import { emptyCloud } from '../../functions/sandbox/fixture.ts'
import { type Sandbox, startSandbox } from '../../functions/sandbox/front.ts'

const asked = { verb: 'approve', instance: 'i-0123456789abcdef0', incident: 'fb-0123456789abcdef' }
const cloud = emptyCloud()
let sandbox: Sandbox
let client: LambdaClient
let environment: Record<string, string> = {}

before(async () => {
  sandbox = await startSandbox({ clock: createClock(0), cloud, latencies: { sts: 0 } })
  sandbox.admit({ accessKey: 'ADASKEY', name: 'ada', permissions: [] })
  environment = { ...sandbox.environment, AWS_ACCESS_KEY_ID: 'ADASKEY' }
  client = new LambdaClient(connection(environment, 'LAMBDA'))
})

after(async () => {
  client.destroy()
  await sandbox.close()
})

const refused = (message: RegExp) => ({ name: 'InputError', message })

test('identify() says whose signature it is, also of somebody who may do nothing', async () => {
  const proof = await prove(client, environment, asked)
  assert.equal(await identify(environment, proof, asked), `arn:aws:iam::${cloud.account}:user/ada`)
})

test('a session is told as the role and the session that it is', async () => {
  cloud.sessions = new Map([['ASIASESSION', { instance: 'i-agent', role: 'agent-role' }]])
  const session = { ...environment, AWS_ACCESS_KEY_ID: 'ASIASESSION', AWS_SESSION_TOKEN: 'a token' }
  const theirs = new LambdaClient(connection(session, 'LAMBDA'))
  const proof = await prove(theirs, session, asked)
  theirs.destroy()
  assert.equal(proof.token, 'a token')
  const expected = `arn:aws:sts::${cloud.account}:assumed-role/agent-role/i-agent`
  assert.equal(await identify(environment, proof, asked), expected)
})

test('a signature for one request is good for no other', async () => {
  const proof = await prove(client, environment, asked)
  const mismatch = refused(/^Cannot tell who asks: STS refused the signature: "SignatureDoesNotMatch: /)
  for (const other of [
    { ...asked, verb: 'release' },
    { ...asked, incident: 'fb-fedcba9876543210' },
    { ...asked, force: ['swap-groups'] },
    {},
  ])
    await assert.rejects(identify(environment, proof, other), mismatch)
})

test('a signature that was tampered with or is old is refused', async () => {
  const proof = await prove(client, environment, asked)
  const another = proof.authorization.replace(/.$/, one => (one === '0' ? '1' : '0'))
  for (const forged of [
    { ...proof, authorization: another },
    { ...proof, authorization: proof.authorization.replace('/eu-central-1/', '/us-east-1/') },
    { ...proof, date: proof.date.replace(/^\d{4}/, '2020') },
  ] satisfies Proof[])
    await assert.rejects(identify(environment, forged, asked), refused(/STS refused the signature/))
})

test('a signature that does not cover what is asked for is refused before anybody is asked', async () => {
  const { length } = sandbox.calls
  const proof = await prove(client, environment, asked)
  const unbound = { ...proof, authorization: proof.authorization.replace(';x-firebreak-request', '') }
  await assert.rejects(
    identify(environment, unbound, asked),
    refused(/the signature does not cover x-firebreak-request/),
  )
  assert.equal(sandbox.calls.length, length)
})

for (const { what, status, body, says } of [
  { what: 'an answer that is no JSON', status: 200, body: '<html>', says: /STS answered "<html>"/ },
  { what: 'an answer that names nobody', status: 200, body: '{}', says: /STS answered "{}"/ },
  { what: 'a redirection', status: 302, body: '', says: /STS does not answer: TypeError/ },
  { what: 'an internal error', status: 500, body: 'no', says: /STS answered 500/ },
])
  test(`${what} of STS is taken for nobody`, async () => {
    const server = createServer((_, answer) => {
      answer.writeHead(status, status === 302 ? { location: 'http://127.0.0.1:9/' } : {}).end(body)
    })
    await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    assert.ok(typeof address === 'object' && address)
    const other = { ...environment, AWS_ENDPOINT_URL_STS: `http://127.0.0.1:${address.port}` }
    try {
      const proof = await prove(client, other, asked)
      await assert.rejects(identify(other, proof, asked), { name: 'RetryableError', message: says })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
