import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, test } from 'node:test'
import { CreateQueueCommand, type Message, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import { type FauxqsServer, startFauxqs } from 'fauxqs'
import { awsClients, type Clients } from '../../functions/clouds/aws/clients.ts'
import { letterBody, sqsDeadLetters } from '../../functions/clouds/aws/dead-letters.ts'
import { deadLettersQueue, MAX_MESSAGE_BYTES, ordersQueue } from '../../functions/clouds/aws/message.ts'
import { orderBody, sqsQueue } from '../../functions/clouds/aws/queue.ts'
import { RetryableError } from '../../functions/core/errors.ts'
import type { Finding } from '../../functions/core/finding.ts'
import { Order } from '../../functions/core/order.ts'
import { credentials } from './aws-servers.ts'

let server: FauxqsServer
let clients: Clients
let orders: string
let letters: string
const warnings: Record<string, unknown>[] = []
const log = { info() {}, error() {}, warn: (_: string, fields: Record<string, unknown> = {}) => warnings.push(fields) }

before(async () => {
  server = await startFauxqs({ port: 0, logger: false })
  clients = awsClients({ ...credentials, AWS_ENDPOINT_URL_SQS: server.address })
  orders = (await clients.sqs().send(new CreateQueueCommand(ordersQueue))).QueueUrl ?? ''
  letters = (await clients.sqs().send(new CreateQueueCommand(deadLettersQueue))).QueueUrl ?? ''
})
after(async () => {
  clients.destroy()
  await server.stop()
})

async function receiveAll(url: string): Promise<Message[]> {
  const all: Message[] = []
  for (;;) {
    const { Messages = [] } = await clients
      .sqs()
      .send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10, MessageSystemAttributeNames: ['All'] }))
    if (Messages.length === 0) return all
    all.push(...Messages)
  }
}

function findingOf(signals: number, detail: string): Finding {
  return {
    id: 'a'.repeat(64),
    at: 1,
    decision: 'isolate',
    score: 100,
    account: '111122223333',
    region: 'us-east-1',
    instance: 'i-0a',
    signals: Array.from({ length: signals }, (_, points) => ({
      rule: 'reverse-tunnel',
      family: 'identity',
      points,
      first: 1,
      last: 2,
      detail,
    })),
    peers: [{ address: '203.0.113.9', port: 22, protocol: 6 }],
    exhibits: [],
    drill: false,
  }
}

test('send() puts an order into its lane and hides a second one with the same id', async () => {
  const queue = sqsQueue(clients.sqs, log, { url: orders })
  const order = { kind: 'finding', finding: findingOf(1, 'ssh \ufffe\uffff\u0000 ☃') } satisfies Order
  await queue.send({ lane: 'i-0a', id: 'one', order })
  await queue.send({ lane: 'i-0a', id: 'one', order })
  await queue.send({ lane: 'i-0b', id: 'two', order: { kind: 'continue', instance: 'i-0b', incident: 'fb-1' } })
  const messages = await receiveAll(orders)
  assert.deepEqual(messages.map(({ Attributes }) => Attributes?.MessageGroupId).toSorted(), ['i-0a', 'i-0b'])
  const first = messages.find(({ Attributes }) => Attributes?.MessageGroupId === 'i-0a')
  assert.deepEqual(Order.parse(JSON.parse(first?.Body ?? '')), order)
  assert.equal(first?.Body?.includes('\ufffe'), false, 'SQS refuses U+FFFE')
})

test('orderBody() shortens a finding to a message, weakest signals first, and keeps its peers', () => {
  const { body, dropped } = orderBody({ kind: 'finding', finding: findingOf(256, '\u0000'.repeat(1024)) })
  assert.ok(Buffer.byteLength(body) <= MAX_MESSAGE_BYTES)
  const order = Order.parse(JSON.parse(body))
  assert.ok(order.kind === 'finding')
  assert.equal(order.finding.signals.length + dropped, 256)
  assert.ok(order.finding.signals.some(({ points }) => points === 255))
  assert.deepEqual(order.finding.peers, [{ address: '203.0.113.9', port: 22, protocol: 6 }])
})

test('send() logs that a finding was shortened', async () => {
  warnings.length = 0
  const finding = findingOf(256, 'x'.repeat(1024))
  await sqsQueue(clients.sqs, log, { url: orders }).send({
    lane: 'i-0c',
    id: 'three',
    order: { kind: 'finding', finding },
  })
  assert.equal(warnings.length, 1)
  await receiveAll(orders)
})

test('send() names the lane when the queue does not exist', async () => {
  const queue = sqsQueue(clients.sqs, log, { url: `${orders}.gone` })
  const order = { kind: 'continue', instance: 'i-0a', incident: 'fb-1' } satisfies Order
  await assert.rejects(queue.send({ lane: 'i-0a', id: 'four', order }), /Cannot send an order to the lane of i-0a: /)
})

test('put() keeps 25 letters in batches of ten, each with digest, length and first kilobyte', async () => {
  const bytes = Buffer.alloc(3000, 'line ')
  await sqsDeadLetters(clients.sqs, { url: letters }).put(
    Array.from({ length: 25 }, (_, line) => ({ source: 'flow', position: `line ${line}`, reason: 'No', bytes })),
  )
  const bodies = (await receiveAll(letters)).map(({ Body }) => JSON.parse(Body ?? ''))
  assert.equal(new Set(bodies.map(({ position }) => position)).size, 25)
  assert.deepEqual(
    { ...bodies[0], position: '' },
    {
      source: 'flow',
      position: '',
      reason: 'No',
      length: 3000,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      head: bytes.subarray(0, 1024).toString('base64'),
    },
  )
})

test('put() accepts ten letters of the worst text at once', async () => {
  const worst = '\uffff'.repeat(100_000)
  const letter = { source: worst, position: worst, reason: worst, bytes: Buffer.alloc(10_000_000, 0xff) }
  await sqsDeadLetters(clients.sqs, { url: letters }).put(Array.from({ length: 10 }, () => letter))
  assert.ok(Buffer.byteLength(letterBody(letter)) * 10 < MAX_MESSAGE_BYTES)
  assert.equal((await receiveAll(letters)).length, 10)
})

test('put() throws RetryableError when letters are not kept', async () => {
  const dead = sqsDeadLetters(clients.sqs, { url: `${letters}-gone` })
  await assert.rejects(dead.put([{ source: 's', position: 'p', reason: 'r', bytes: Buffer.from('x') }]), RetryableError)
})
