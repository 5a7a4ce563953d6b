import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import * as z from 'zod'
import { ConfigurationError, reasonOf } from '../core/errors.ts'
import type { Clock } from '../core/ports.ts'
import { answerAutoScaling } from './autoscaling/server.ts'
import { type Answer, type Backend, type Request, startLedger, startQueue } from './backends.ts'
import { answerBalancing } from './balancing/server.ts'
import { type Bus, createBus } from './bus.ts'
import type { Call, Service } from './calls.ts'
import type { Cloud } from './cloud.ts'
import { createEc2Server, type Ec2Server } from './ec2/server.ts'
import { createFaults, denialOf, type FaultKind, failureOf, type Interceptor, suffer, throttleOf } from './faults.ts'
import { createPrincipals, type Principal, type Use } from './iam/principals.ts'
import { answerIam } from './iam/server.ts'
import { answerLambda, type Deployed, type Served } from './invocations.ts'
import { answerLogs } from './logs/server.ts'
import { createLogStore, type LogStore } from './logs/store.ts'
import { answerResolver } from './resolver/server.ts'
import type { Bucket } from './s3/objects.ts'
import { answerS3 } from './s3/server.ts'
import { answerSts, SECRET } from './sts.ts'
import { answerQuery, describe, headersOf, outcomeOf, readBody, refusal, signedFor } from './wire.ts'

/** Milliseconds of real time from a request's arrival to its answer, at least. */
type Latencies = Readonly<Record<Service, number>>

const DEFAULTS: Latencies = {
  ec2: 50,
  dynamodb: 5,
  sqs: 5,
  iam: 50,
  lambda: 5,
  sts: 5,
  route53resolver: 50,
  logs: 50,
  s3: 30,
  autoscaling: 50,
  elasticloadbalancing: 50,
}

const DescribedTable = z.object({ Table: z.object({ TableStatus: z.string() }) })
const MadeQueue = z.object({ QueueUrl: z.string() })
const QueueAttributes = z.object({ Attributes: z.record(z.string(), z.string()).default({}) })
const QUEUE_COUNTS = [
  'ApproximateNumberOfMessages',
  'ApproximateNumberOfMessagesNotVisible',
  'ApproximateNumberOfMessagesDelayed',
]

export { type Call, longestChain } from './calls.ts'

export interface SandboxOptions {
  clock: Clock
  cloud: Cloud
  /** What CloudWatch Logs holds. Default: nothing. */
  logs?: LogStore
  latencies?: Partial<Latencies>
  /** Default: a free one. */
  port?: number
}

export interface Sandbox {
  endpoint: string
  /** What an unmodified SDK client needs to come here and nowhere else. The credentials are fake. */
  environment: ReturnType<typeof environmentOf>
  /** What the servers saw since the start, in the order in which it was answered. */
  calls: readonly Call[]
  ec2: Ec2Server
  /** The account's event bus. */
  bus: Bus
  /** Called before an answer is written, and awaited. Returns what takes the listener away. */
  onAnswer(listener: (call: Call) => void | Promise<void>): () => void
  fault(service: Service, action: string, times: number, kind: FaultKind): void
  /** From now on whoever calls with the access key is told by name, and may do what the permissions say and nothing else. */
  admit(principal: Principal): void
  /** What was made use of, permission by permission, of whoever was admitted. */
  uses(): readonly Use[]
  /** Asked of each call before it is carried out. Returns what takes the interceptor away. */
  intercept(interceptor: Interceptor): () => void
  /** `definition` as DynamoDB's CreateTable takes it. The table is active when the promise resolves. */
  createTable(definition: { readonly TableName: string; readonly [name: string]: unknown }): Promise<void>
  /** `definition` as SQS's CreateQueue takes it. A name that ends in `.fifo` makes a FIFO queue. */
  createQueue(definition: {
    readonly QueueName: string
    readonly Attributes?: Readonly<Record<string, string>>
  }): Promise<{ url: string; arn: string }>
  /** `lock`: object lock is enabled, with a default retention where it has a mode. */
  createBucket(name: string, lock?: Bucket['lock']): Bucket
  /** Deploys a function, which clients of Lambda then invoke by its name, or by one of its aliases. */
  serve(name: string, handler: Deployed, aliases?: readonly string[]): void
  /** Messages that stand in the queue, those in flight and delayed ones too. */
  queueLength(url: string): Promise<number>
  close(): Promise<void>
}

/**
 * One loopback endpoint for all services that Firebreak asks, told apart by the scope that a request is signed for.
 * @throws ConfigurationError where the port is taken.
 */
export async function startSandbox({
  clock,
  cloud,
  logs = createLogStore(),
  latencies,
  port = 0,
}: SandboxOptions): Promise<Sandbox> {
  const wait = { ...DEFAULTS, ...latencies }
  const ec2 = createEc2Server(cloud, clock)
  const [ledger, queue] = [startLedger(), startQueue(cloud.region)]
  const functions = new Map<string, Served>()
  const principals = createPrincipals(cloud)
  const backends: Readonly<Record<Service, Backend['answer']>> = {
    ec2: answerQuery(ec2.answer),
    dynamodb: ledger.answer,
    sqs: queue.answer,
    iam: answerQuery(body => answerIam(cloud, body)),
    autoscaling: answerQuery(body => answerAutoScaling(cloud, body, clock.now())),
    elasticloadbalancing: answerQuery(body => answerBalancing(cloud, body, clock.now())),
    lambda: answerLambda(functions),
    sts: answerSts(cloud, accessKey => principals.nameOf(accessKey)),
    route53resolver: answerResolver(cloud),
    logs: answerLogs(logs),
    s3: answerS3(cloud, () => clock.now()),
  }
  const faults = createFaults()
  const bus = createBus(cloud, clock)
  const calls: Call[] = []
  const listeners = new Set<(call: Call) => void | Promise<void>>()
  let count = 0

  async function serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const startedAt = performance.now()
    const headers = headersOf(incoming)
    const [service, accessKey] = signedFor(headers['authorization'])
    const body = await readBody(incoming)
    if (!service || !body) {
      outgoing.writeHead(service ? 413 : 403).end()
      return
    }
    const { url: path = '/', method = 'POST' } = incoming
    const { action, target } = describe(service, { method, headers, body, path })
    const { by, refused } = principals.judge(accessKey, { service, action, method, path, headers, body })
    const call: Call = {
      n: ++count,
      service,
      action,
      ...(target === undefined ? {} : { target }),
      ...(by === undefined ? {} : { by }),
      ...(refused === undefined ? {} : { refused }),
      ...(headers['x-amz-security-token'] === undefined ? {} : { session: headers['x-amz-security-token'] }),
      startedAt,
      endedAt: startedAt,
      outcome: 'ok',
    }
    const answer =
      refused === undefined
        ? await carryOut(
            call,
            { method, path, headers, body },
            async () => outgoing.destroyed || once(outgoing, 'close'),
          )
        : refusal(service, denialOf(service), refused)
    await sleep(Math.max(0, wait[service] - (performance.now() - startedAt)))
    call.outcome = outcomeOf(service, answer)
    bus.record({ call, accessKey, body, answer: answer?.body })
    for (const listener of listeners) await listener(call)
    call.endedAt = performance.now()
    calls.push(call)
    if (answer) outgoing.writeHead(answer.status, answer.headers).end(answer.body)
    else outgoing.destroy()
  }

  function carryOut(call: Call, asked: Request, givenUp: () => Promise<unknown>): Promise<Answer | undefined> {
    const { service } = call
    const answers = {
      throttle: () => refusal(service, throttleOf(service)),
      error: () => refusal(service, failureOf(service)),
      denied: () => refusal(service, denialOf(service)),
    }
    return suffer(faults.take(call, asked.body), answers, () => backends[service](asked), givenUp)
  }

  const server = createServer((incoming, outgoing) => {
    serve(incoming, outgoing).catch((thrown: unknown) => {
      // A caller that was killed has broken its connection: nobody is left to answer.
      if (outgoing.destroyed || outgoing.headersSent) outgoing.destroy()
      else outgoing.writeHead(500).end(String(thrown))
    })
  })
  // A busy process must not close a connection for idleness on which a request is just coming.
  server.keepAliveTimeout = 60_000
  server.listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch (cause) {
    await Promise.all([ledger.close(), queue.close()])
    throw new ConfigurationError(`Cannot serve the sandbox on port ${port}: ${reasonOf(cause)}`, { cause })
  }
  const address = server.address()
  const endpoint = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : port}`

  async function setUp(service: 'dynamodb' | 'sqs', target: string, input: unknown): Promise<unknown> {
    const answer = await backends[service]({
      headers: {
        host: new URL(endpoint).host,
        'content-type': 'application/x-amz-json-1.0',
        'x-amz-target': target,
        'x-amz-date': '20260101T000000Z',
        authorization: `AWS4-HMAC-SHA256 Credential=sandbox/20260101/${cloud.region}/${service}/aws4_request, SignedHeaders=host, Signature=0`,
      },
      body: Buffer.from(JSON.stringify(input)),
    })
    if (answer.status >= 300) throw new Error(`Cannot set the sandbox up: ${target} says ${answer.body}`)
    return JSON.parse(answer.body.toString())
  }

  const queueAttributes = async (QueueUrl: string, AttributeNames: readonly string[]) =>
    QueueAttributes.parse(await setUp('sqs', 'AmazonSQS.GetQueueAttributes', { QueueUrl, AttributeNames }))

  return {
    endpoint,
    environment: environmentOf(endpoint, cloud.region),
    calls,
    ec2,
    bus,
    onAnswer(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    fault: faults.add,
    admit: principals.admit,
    uses: principals.uses,
    intercept: faults.intercept,
    serve: (name, handler, aliases = []) => functions.set(name, { handler, aliases }),
    async createTable(definition) {
      await setUp('dynamodb', 'DynamoDB_20120810.CreateTable', definition)
      const { TableName } = definition
      const status = async () =>
        DescribedTable.parse(await setUp('dynamodb', 'DynamoDB_20120810.DescribeTable', { TableName })).Table
          .TableStatus
      while ((await status()) !== 'ACTIVE') await sleep(5)
    },
    async createQueue(definition) {
      const { QueueUrl } = MadeQueue.parse(await setUp('sqs', 'AmazonSQS.CreateQueue', definition))
      const { Attributes } = await queueAttributes(QueueUrl, ['QueueArn'])
      return { url: QueueUrl, arn: Attributes['QueueArn'] ?? '' }
    },
    createBucket(name, lock) {
      const bucket: Bucket = { name, ...(lock ? { lock } : {}), objects: new Map() }
      cloud.buckets ??= new Map()
      cloud.buckets.set(name, bucket)
      return bucket
    },
    async queueLength(url) {
      const { Attributes } = await queueAttributes(url, QUEUE_COUNTS)
      return QUEUE_COUNTS.reduce((sum, name) => sum + Number(Attributes[name] ?? 0), 0)
    },
    async close() {
      server.closeAllConnections()
      await new Promise<void>((resolve, reject) => {
        server.close(failure => (failure ? reject(failure) : resolve()))
      })
      await Promise.all([ledger.close(), queue.close()])
    },
  }
}

function environmentOf(endpoint: string, region: string) {
  return {
    AWS_ENDPOINT_URL: endpoint,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_ACCESS_KEY_ID: 'SANDBOX',
    AWS_SECRET_ACCESS_KEY: SECRET,
    AWS_EC2_METADATA_DISABLED: 'true',
    // An account's own endpoint would lead away from here.
    AWS_ACCOUNT_ID_ENDPOINT_MODE: 'disabled',
    AWS_CONFIG_FILE: '/dev/null',
    AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
  } satisfies Record<string, string>
}
