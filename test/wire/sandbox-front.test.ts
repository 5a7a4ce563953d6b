import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import { CreateTagsCommand, DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { DeleteMessageCommand, ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { NodeHttpHandler } from '@smithy/node-http-handler'
import { createClock } from '../../functions/sandbox/clock.ts'
import type { FaultKind } from '../../functions/sandbox/faults.ts'
import { addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { longestChain, type Sandbox, startSandbox } from '../../functions/sandbox/front.ts'
import { connection } from './sandbox-stage.ts'

const cloud = emptyCloud()
addInstance(cloud, { name: 'agent', host: 10 })
const tag = (value: string) => new CreateTagsCommand({ Resources: ['i-agent'], Tags: [{ Key: 'seen', Value: value }] })
const key = { pk: { S: 'incident' }, sk: { S: 'i-agent' } }
const claim = (owner: string) =>
  new PutItemCommand({
    TableName: 'ledger',
    Item: { ...key, owner: { S: owner } },
    ConditionExpression: 'attribute_not_exists(pk)',
  })

describe('one endpoint for all services', () => {
  let sandbox: Sandbox
  let ec2: EC2Client
  let dynamodb: DynamoDBClient
  let sqs: SQSClient
  let url: string

  before(async () => {
    sandbox = await startSandbox({ clock: createClock(0), cloud, latencies: { ec2: 30 } })
    await sandbox.createTable({
      TableName: 'ledger',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
    })
    const queue = await sandbox.createQueue({
      QueueName: 'orders.fifo',
      Attributes: { FifoQueue: 'true', DeduplicationScope: 'messageGroup', FifoThroughputLimit: 'perMessageGroupId' },
    })
    url = queue.url
    assert.equal(queue.arn.split(':').at(-1), 'orders.fifo')
    const settings = { ...connection(sandbox), maxAttempts: 1 }
    ec2 = new EC2Client(settings)
    dynamodb = new DynamoDBClient(settings)
    sqs = new SQSClient(settings)
  })
  after(async () => {
    for (const client of [ec2, dynamodb, sqs]) client.destroy()
    await sandbox.close()
  })

  it('of two claims on one key at once, one is refused', async () => {
    const settled = await Promise.allSettled([dynamodb.send(claim('a')), dynamodb.send(claim('b'))])
    assert.deepEqual(settled.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
    const refused = settled.find(one => one.status === 'rejected')
    assert.equal(refused?.reason.name, 'ConditionalCheckFailedException')
    const { Item } = await dynamodb.send(new GetItemCommand({ TableName: 'ledger', Key: key, ConsistentRead: true }))
    assert.match(Item?.['owner']?.S ?? '', /^[ab]$/)
    const outcomes = sandbox.calls.filter(({ action }) => action === 'PutItem').map(({ outcome }) => outcome)
    assert.deepEqual(outcomes.toSorted(), ['ConditionalCheckFailedException', 'ok'])
  })

  it('a queue hides a repeated message and holds a lane while one is in hand', async () => {
    const send = (lane: string, id: string) =>
      sqs.send(
        new SendMessageCommand({ QueueUrl: url, MessageBody: id, MessageGroupId: lane, MessageDeduplicationId: id }),
      )
    for (const id of ['first', 'first', 'second']) await send('i-agent', id)
    assert.equal(await sandbox.queueLength(url), 2)
    const receive = async () =>
      (await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 1 }))).Messages ?? []
    const [first] = await receive()
    assert.equal(first?.Body, 'first')
    assert.deepEqual(await receive(), [])
    await sqs.send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle: first?.ReceiptHandle }))
    assert.equal((await receive())[0]?.Body, 'second')
  })

  it('the queue is found by its URL as an endpoint too, and stands on the loopback', async () => {
    assert.equal(new URL(url).origin, sandbox.endpoint)
    assert.equal(new URL(sandbox.endpoint).hostname, '127.0.0.1')
    const elsewhere = new SQSClient({ ...connection(sandbox), useQueueUrlAsEndpoint: false })
    await elsewhere.send(new ReceiveMessageCommand({ QueueUrl: url }))
    elsewhere.destroy()
  })

  it('calls are logged as the servers saw them, with their latency', async () => {
    const from = sandbox.calls.length
    await ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-agent'] }))
    await Promise.all([ec2.send(tag('1')), ec2.send(tag('2'))])
    await assert.rejects(ec2.send(new DescribeInstancesCommand({ InstanceIds: ['i-nobody'] })))
    const calls = sandbox.calls.slice(from)
    assert.deepEqual(
      calls.map(({ service, action, target, outcome }) => [service, action, target, outcome]),
      [
        ['ec2', 'DescribeInstances', 'i-agent', 'ok'],
        ['ec2', 'CreateTags', 'i-agent', 'ok'],
        ['ec2', 'CreateTags', 'i-agent', 'ok'],
        ['ec2', 'DescribeInstances', 'i-nobody', 'InvalidInstanceID.NotFound'],
      ],
    )
    assert.equal(longestChain(calls).length, 3)
    // A timer may fire up to a millisecond early.
    assert.ok(calls.every(({ startedAt, endedAt }) => endedAt - startedAt > 28))
  })

  it('a listener hears of an answer before the caller does', async () => {
    const heard: string[] = []
    const forget = sandbox.onAnswer(async ({ action }) => {
      await new Promise(resolve => setImmediate(resolve))
      heard.push(action)
    })
    await ec2.send(tag('heard')).then(() => heard.push('answered'))
    forget()
    await ec2.send(tag('unheard'))
    assert.deepEqual(heard, ['CreateTags', 'answered'])
  })

  it('faults come as often as told, with and without effect', async () => {
    const seen = () => cloud.instances.get('i-agent')?.tags['seen']
    await ec2.send(tag('before'))
    sandbox.fault('ec2', 'CreateTags', 1, 'throttle')
    sandbox.fault('ec2', 'CreateTags', 1, 'drop')
    await assert.rejects(ec2.send(tag('throttled')), { name: 'RequestLimitExceeded' })
    await assert.rejects(ec2.send(tag('dropped')), { code: 'ECONNRESET' })
    assert.equal(seen(), 'before')
    sandbox.fault('ec2', '*', 1, 'error-after-effect')
    sandbox.fault('ec2', '*', 1, 'drop-after-effect')
    await assert.rejects(ec2.send(tag('failed')), { name: 'InternalError' })
    assert.equal(seen(), 'failed')
    await assert.rejects(ec2.send(tag('broken')), { code: 'ECONNRESET' })
    assert.equal(seen(), 'broken')
    await ec2.send(tag('after'))
    sandbox.fault('dynamodb', 'GetItem', 1, 'throttle')
    const get = () => dynamodb.send(new GetItemCommand({ TableName: 'ledger', Key: key }))
    await assert.rejects(get(), { name: 'ThrottlingException' })
    await get()
    assert.deepEqual(
      sandbox.calls.slice(-7).map(({ outcome }) => outcome),
      ['RequestLimitExceeded', 'dropped', 'InternalError', 'dropped', 'ok', 'ThrottlingException', 'ok'],
    )
  })

  it('a caller that goes away before its answer leaves the effect, and the sandbox goes on', async () => {
    const gone = new AbortController()
    const forget = sandbox.onAnswer(() => gone.abort())
    await assert.rejects(ec2.send(tag('orphan'), { abortSignal: gone.signal }), { name: 'AbortError' })
    forget()
    assert.equal(cloud.instances.get('i-agent')?.tags['seen'], 'orphan')
    await ec2.send(tag('next'))
  })

  it('one call of many meets what is said of it: refused, never answered, carried out once nobody waits any more', async () => {
    const seen = () => cloud.instances.get('i-agent')?.tags['seen']
    const coming: FaultKind[] = ['error', 'denied', 'unheard', 'unanswered', 'late']
    const met: string[] = []
    const stop = sandbox.intercept(({ action, session }, body) => {
      met.push(`${action} ${session} ${/Tag\.1\.Value=(\w+)/.exec(body.toString())?.[1]}`)
      return action === 'CreateTags' ? coming.shift() : undefined
    })
    const impatient = new EC2Client({
      ...connection(sandbox),
      credentials: { accessKeyId: 'k', secretAccessKey: 's', sessionToken: 'first' },
      maxAttempts: 1,
      requestHandler: new NodeHttpHandler({ requestTimeout: 200, throwOnRequestTimeout: true }),
    })
    try {
      await assert.rejects(impatient.send(tag('failed')), { name: 'InternalError' })
      await assert.rejects(impatient.send(tag('denied')), { name: 'UnauthorizedOperation' })
      await assert.rejects(impatient.send(tag('unheard')), { name: 'TimeoutError' })
      assert.equal(seen(), 'next')
      await assert.rejects(impatient.send(tag('unanswered')), { name: 'TimeoutError' })
      assert.equal(seen(), 'unanswered')
      await assert.rejects(impatient.send(tag('late')), { name: 'TimeoutError' })
      while (seen() !== 'late') await sleep(5)
    } finally {
      stop()
      impatient.destroy()
    }
    await ec2.send(tag('after'))
    assert.deepEqual(
      met,
      ['failed', 'denied', 'unheard', 'unanswered', 'late'].map(value => `CreateTags first ${value}`),
    )
  })

  it('a request that is signed for nothing here is refused', async () => {
    const unsigned = await fetch(sandbox.endpoint, { method: 'POST', body: 'Action=DescribeInstances' })
    assert.equal(unsigned.status, 403)
    const authorization = 'AWS4-HMAC-SHA256 Credential=k/20260101/eu-central-1/rds/aws4_request, Signature=0'
    const other = await fetch(sandbox.endpoint, { method: 'POST', headers: { authorization } })
    assert.equal(other.status, 403)
  })

  it('a port that is taken is said so, and nothing is left running', async () => {
    const port = Number(new URL(sandbox.endpoint).port)
    await assert.rejects(startSandbox({ clock: createClock(0), cloud: emptyCloud(), port }), {
      name: 'ConfigurationError',
      message: /EADDRINUSE/,
    })
  })

  it('half a request does not keep it from closing', async () => {
    const second = await startSandbox({ clock: createClock(0), cloud: emptyCloud() })
    const { port } = new URL(second.endpoint)
    const socket = connect(Number(port), '127.0.0.1')
    await once(socket, 'connect')
    socket.on('error', () => {})
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf')
    const closed = new Promise(resolve => socket.once('close', resolve))
    await second.close()
    await closed
    socket.destroy()
  })
})
