import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { gunzipSync, gzipSync } from 'node:zlib'
import * as z from 'zod'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import { ConfigurationError } from '../../functions/core/errors.ts'
import { createWatch } from '../../functions/entry/aws/watch.ts'
import { drainQueue } from '../../functions/sandbox/lambda.ts'
import { assertContained, breakout, groupsOf, playToProof, startBreakout, watch } from './stage.ts'

const Payload = z.object({ awslogs: z.object({ data: z.string() }) })
const Message = z.looseObject({
  owner: z.string(),
  logGroup: z.string(),
  logStream: z.string(),
  logEvents: z.array(z.looseObject({ id: z.string(), timestamp: z.number(), message: z.string() })),
})
type Message = z.infer<typeof Message>
const Letter = z.strictObject({
  source: z.string(),
  position: z.string(),
  reason: z.string(),
  length: z.number(),
  sha256: z.string(),
  head: z.base64(),
})

const unpack = (payload: unknown): Message =>
  Message.parse(JSON.parse(gunzipSync(Buffer.from(Payload.parse(payload).awslogs.data, 'base64')).toString()))
const pack = (message: unknown) => ({ awslogs: { data: gzipSync(JSON.stringify(message)).toString('base64') } })
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('hex')

/** Takes the letters out of the queue as an operator would. */
async function takeLetters({ lane, deadLettersQueue }: Deployment) {
  const letters: z.infer<typeof Letter>[] = []
  const { accessKey: _respond, ...asPerson } = lane
  await drainQueue({ ...asPerson, queueUrl: deadLettersQueue }, async event => {
    const { Records } = z.object({ Records: z.array(z.object({ body: z.string() })) }).parse(event)
    letters.push(...Records.map(({ body }) => Letter.parse(JSON.parse(body))))
    return { batchItemFailures: [] }
  })
  return letters
}

describe('watch with bad input', () => {
  let deployment: Deployment
  before(async () => {
    deployment = await startBreakout()
  })
  after(() => deployment.close())

  const sound = (): Message => ({
    messageType: 'DATA_MESSAGE',
    owner: deployment.built.cloud.account,
    logGroup: deployment.network.flowGroup,
    logStream: 'eni-0123456789abcdef0-all',
    subscriptionFilters: ['firebreak'],
    logEvents: [],
  })

  for (const { what, payload, reason } of [
    {
      what: 'a gzip that ends early',
      payload: () => ({ awslogs: { data: gzipSync(JSON.stringify(sound())).subarray(0, 40).toString('base64') } }),
      reason: /^Cannot read log subscription: .*(gzip|end)/,
    },
    {
      what: 'what is not base64',
      payload: () => ({ awslogs: { data: '~~ not base64 ~~' } }),
      reason: /^Cannot read log subscription: .*base64/,
    },
    {
      what: 'what is no gzip',
      payload: () => ({ awslogs: { data: Buffer.from('plain').toString('base64') } }),
      reason: /^Cannot read log subscription: /,
    },
    {
      what: 'what is no payload',
      payload: () => ({ Records: [] }),
      reason: /^Cannot read .*/,
    },
    {
      what: "another account's message",
      payload: () => pack({ ...sound(), owner: '999999999999' }),
      reason: /account "999999999999"/,
    },
    {
      what: 'a log group that is not configured',
      payload: () => pack({ ...sound(), logGroup: '/somebody/else' }),
      reason: /log group "\/somebody\/else" is not configured/,
    },
    {
      what: 'a message without a stream',
      payload: () => pack({ ...sound(), logStream: undefined }),
      reason: /logStream/,
    },
  ])
    it(`keeps ${what} as one dead letter with its reason, digest and head, and goes on`, async () => {
      const given = payload()
      const { kind, rejected } = await watch(deployment, given)
      assert.deepEqual([kind, rejected], ['rejected', 1])
      const letters = await takeLetters(deployment)
      assert.equal(letters.length, 1)
      const [letter] = letters
      assert.ok(letter)
      assert.match(letter.reason, reason)
      assert.notEqual(letter.position, '')
      const bytes = Buffer.from(JSON.stringify(given))
      assert.equal(letter.length, bytes.length)
      assert.equal(letter.sha256, sha256(bytes))
      assert.deepEqual(Buffer.from(letter.head, 'base64'), bytes.subarray(0, 1024))
    })

  it('answers a control message and keeps no letter of it', async () => {
    const control = { ...sound(), messageType: 'CONTROL_MESSAGE', logEvents: [{ id: '', timestamp: 0, message: 'x' }] }
    assert.equal((await watch(deployment, pack(control))).kind, 'control')
    assert.deepEqual(await takeLetters(deployment), [])
  })

  it('takes a stream that says nothing of its records for a name, and judges by the records', async () => {
    assert.equal((await watch(deployment, pack({ ...sound(), logStream: 'another' }))).kind, 'judged')
    assert.deepEqual(await takeLetters(deployment), [])
  })
})

describe('watch with bad records among good ones', () => {
  it('keeps a letter of each bad one and still finds, and the breakout is still cut', async () => {
    const deployment = await startBreakout()
    try {
      const original = groupsOf(deployment)
      const { network } = deployment
      const overlong = 'x'.repeat(10 * 1024 * 1024)
      let damaged = 0
      let findings = 0
      for await (const { payload } of network.run({ until: network.live + breakout.live })) {
        const message = unpack(payload)
        const [first] = message.logEvents
        assert.ok(first)
        const bad = [
          { id: 'few', message: first.message.split(' ').slice(0, -1).join(' ') },
          { id: 'many', message: `${first.message} more` },
          ...(damaged === 0 ? [{ id: 'overlong', message: overlong }] : []),
        ].map(one => ({ ...one, timestamp: first.timestamp }))
        const watched = await watch(deployment, pack({ ...message, logEvents: [...bad, ...message.logEvents] }))
        assert.equal(watched.rejected, bad.length)
        damaged += 1

        const letters = await takeLetters(deployment)
        assert.equal(letters.length, bad.length)
        for (const { id, message } of bad) {
          const letter = letters.find(({ position }) => position.includes(`(${id})`))
          assert.ok(letter, id)
          assert.ok(letter.position.startsWith(`${network.flowGroup} `), letter.position)
          assert.match(letter.reason, /^Cannot parse flow record: /)
          assert.equal(Buffer.from(letter.head, 'base64').toString(), message.slice(0, 1024))
          if (id === 'overlong') continue
          assert.equal(letter.length, message.length)
          assert.equal(letter.sha256, sha256(message))
        }
        findings = watched.findings
        if (findings > 0) break
      }
      assert.equal(findings, 1)
      await deployment.respond()
      await playToProof(deployment)
      await assertContained(deployment, original, 'bad records')
    } finally {
      await deployment.close()
    }
  })

  it('refuses to start on a format with a field that no flow log has, and names it', async () => {
    const deployment = await startBreakout()
    try {
      const config = z.looseObject({ logGroups: z.record(z.string(), z.looseObject({})) })
      const { logGroups, ...rest } = config.parse(JSON.parse(deployment.environment.FIREBREAK_CONFIG))
      const fields = { [deployment.network.flowGroup]: { source: 'aws-vpc-flow', fields: 'version srcaddr color' } }
      const FIREBREAK_CONFIG = JSON.stringify({ ...rest, logGroups: { ...logGroups, ...fields } })
      assert.throws(
        () => createWatch({ ...deployment.environment, FIREBREAK_CONFIG }),
        thrown => thrown instanceof ConfigurationError && /"color"/.test(thrown.message),
      )
    } finally {
      await deployment.close()
    }
  })
})

describe('respond with a message that is no order', () => {
  it('keeps it as a dead letter and does not hold the lane back', async () => {
    const deployment = await startBreakout()
    try {
      const { lane } = deployment
      for (const body of ['not JSON', '{"kind":"destroy"}', '{"kind":"release","instance":"i-1"}'])
        await send(deployment, body)
      const { handled, failed } = await deployment.respond()
      assert.deepEqual([handled, failed], [3, 0])
      assert.equal(await deployment.sandbox.queueLength(lane.queueUrl), 0)
      const letters = await takeLetters(deployment)
      assert.deepEqual(
        letters.map(({ source, head }) => [source, Buffer.from(head, 'base64').toString()]),
        ['not JSON', '{"kind":"destroy"}', '{"kind":"release","instance":"i-1"}'].map(body => ['orders', body]),
      )
      for (const { reason, position } of letters) {
        assert.match(reason, /^Cannot read order: /)
        assert.match(position, /^message [0-9a-f-]{36}$/)
      }
    } finally {
      await deployment.close()
    }
  })
})

async function send({ lane }: Deployment, body: string): Promise<void> {
  const response = await fetch(lane.endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonSQS.SendMessage',
      authorization: `AWS4-HMAC-SHA256 Credential=sandbox/20260101/${lane.region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({
      QueueUrl: lane.queueUrl,
      MessageBody: body,
      MessageGroupId: 'i-1',
      MessageDeduplicationId: sha256(body),
    }),
  })
  assert.equal(response.status, 200)
}
