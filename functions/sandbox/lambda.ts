import { randomUUID } from 'node:crypto'
import * as z from 'zod'

/** What a function may ask of the platform that runs it; the rest of Lambda's context is fixed text. */
export interface Invocation {
  readonly awsRequestId: string
  readonly functionName: string
  readonly functionVersion: string
  readonly invokedFunctionArn: string
  readonly memoryLimitInMB: string
  readonly logGroupName: string
  readonly logStreamName: string
  readonly callbackWaitsForEmptyEventLoop: boolean
  getRemainingTimeInMillis(): number
  done(): void
  fail(): void
  succeed(): void
}

/** A Lambda context with real time left: a deadline is the platform's, and the sandbox's virtual time does not move it. */
export function invocationOf(functionName: string, timeoutMs: number, alias?: string): Invocation {
  const ends = performance.now() + timeoutMs
  const nothing = () => {}
  return {
    awsRequestId: randomUUID(),
    functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:eu-west-1:111122223333:function:${functionName}${alias === undefined ? '' : `:${alias}`}`,
    memoryLimitInMB: '512',
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: 'sandbox',
    callbackWaitsForEmptyEventLoop: false,
    getRemainingTimeInMillis: () => Math.max(0, Math.floor(ends - performance.now())),
    done: nothing,
    fail: nothing,
    succeed: nothing,
  }
}

/** How often Lambda tries an asynchronous invocation that fails, the first time included. */
const TRIES = 3

/** Invokes as CloudWatch Logs does: asynchronously, so that a failure is tried again. */
export async function invokeAgain<T>(invoke: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++)
    try {
      return await invoke()
    } catch (thrown) {
      if (tried === TRIES) throw thrown
    }
}

const Received = z.object({
  Messages: z
    .array(
      z.object({
        MessageId: z.string(),
        ReceiptHandle: z.string(),
        Body: z.string(),
        Attributes: z.record(z.string(), z.string()).default({}),
      }),
    )
    .default([]),
})
type Message = z.infer<typeof Received>['Messages'][number]

const Answer = z.object({ batchItemFailures: z.array(z.object({ itemIdentifier: z.string() })) })

export interface EventSource {
  readonly endpoint: string
  readonly region: string
  readonly queueUrl: string
  readonly queueArn: string
  /** Of the function: its poller asks with the function's role. Default: one that may do all. */
  readonly accessKey?: string
}

const Timeout = z.object({ Attributes: z.object({ VisibilityTimeout: z.coerce.number() }) })

/** What Lambda asks when a queue becomes a function's source: a message must not come back while the function works on it. */
export async function attachQueue(source: EventSource, timeoutMs: number): Promise<void> {
  const asked = await call(source, 'GetQueueAttributes', { AttributeNames: ['VisibilityTimeout'] })
  const { VisibilityTimeout } = Timeout.parse(asked).Attributes
  if (VisibilityTimeout * 1000 < timeoutMs)
    throw new Error(`Cannot attach the queue: it shows a message again after ${VisibilityTimeout} s`)
}

/** Tries of one message before it counts as undeliverable. */
const MAX_RECEIVES = 10

/**
 * Does what Lambda's event source mapping does for a FIFO queue, at the wire: takes one message at a time, invokes the
 * function, deletes what it handled, and lets what it reports as failed come back. Returns how many messages were handled.
 */
export async function drainQueue(
  source: EventSource,
  invoke: (event: unknown) => Promise<unknown>,
): Promise<{ handled: number; failed: number }> {
  let handled = 0
  let failed = 0
  for (;;) {
    const { Messages } = Received.parse(
      await call(source, 'ReceiveMessage', {
        MaxNumberOfMessages: 1,
        WaitTimeSeconds: 0,
        MessageSystemAttributeNames: ['All'],
      }),
    )
    const [message] = Messages
    if (!message) return { handled, failed }
    if (await invokeWith(source, message, invoke)) {
      await call(source, 'DeleteMessage', { ReceiptHandle: message.ReceiptHandle })
      handled += 1
      continue
    }
    failed += 1
    if (Number(message.Attributes['ApproximateReceiveCount'] ?? 1) >= MAX_RECEIVES)
      throw new Error(`Cannot deliver message ${message.MessageId}: ${MAX_RECEIVES} tries failed`)
    // Nobody waits here for the visibility timeout, so no right of the function's is needed to shorten it.
    const { accessKey: _function, ...anyone } = source
    await call(anyone, 'ChangeMessageVisibility', { ReceiptHandle: message.ReceiptHandle, VisibilityTimeout: 0 })
  }
}

async function invokeWith(
  { queueArn, region }: EventSource,
  message: Message,
  invoke: (event: unknown) => Promise<unknown>,
): Promise<boolean> {
  const answer = await invoke({
    Records: [
      {
        messageId: message.MessageId,
        receiptHandle: message.ReceiptHandle,
        body: message.Body,
        attributes: message.Attributes,
        messageAttributes: {},
        md5OfBody: '',
        eventSource: 'aws:sqs',
        eventSourceARN: queueArn,
        awsRegion: region,
      },
    ],
  })
  return Answer.parse(answer).batchItemFailures.length === 0
}

/** One call of the SQS JSON protocol. The signature is never checked; the scope in it tells the front which service is meant. */
async function call(source: EventSource, action: string, parameters: Record<string, unknown>): Promise<unknown> {
  const response = await fetch(source.endpoint, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': `AmazonSQS.${action}`,
      authorization: `AWS4-HMAC-SHA256 Credential=${source.accessKey ?? 'sandbox'}/20260101/${source.region}/sqs/aws4_request, SignedHeaders=host, Signature=0`,
    },
    body: JSON.stringify({ QueueUrl: source.queueUrl, ...parameters }),
    signal: AbortSignal.timeout(10_000),
  })
  const text = await response.text()
  if (!response.ok) throw new Error(`Cannot ${action}: the queue answered ${response.status} ${text.slice(0, 200)}`)
  return text === '' ? {} : JSON.parse(text)
}
