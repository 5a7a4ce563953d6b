import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { RetryableError, reasonOf } from '../../core/errors.ts'
import type { Finding } from '../../core/finding.ts'
import type { Order } from '../../core/order.ts'
import type { Log, Permission, Queue } from '../../core/ports.ts'
import { isThrottle, isUnknownOutcome } from './faults.ts'
import { MAX_MESSAGE_BYTES, messageBody, ordersQueue } from './message.ts'

export interface QueueSettings {
  readonly url: string
  /** Milliseconds from a call to its end, over all tries. */
  readonly deadline?: number
}

/** Orders in an SQS FIFO queue: the lane is the message group. A repeated try is hidden by the deduplication id. */
export function sqsQueue(sqs: () => SQSClient, log: Log, { url, deadline = 20_000 }: QueueSettings): Queue {
  return {
    async send({ lane, id, order }) {
      const { body, dropped } = orderBody(order)
      if (dropped > 0) log.warn('finding shortened to fit a message', { lane, dropped })
      try {
        await sqs().send(
          new SendMessageCommand({
            QueueUrl: url,
            MessageBody: body,
            MessageGroupId: lane,
            MessageDeduplicationId: id,
          }),
          { abortSignal: AbortSignal.timeout(deadline) },
        )
      } catch (thrown) {
        const message = `Cannot send an order to the lane of ${lane}: ${reasonOf(thrown)}`
        if (isThrottle(thrown) || isUnknownOutcome(thrown)) throw new RetryableError(message, { cause: thrown })
        throw new Error(message, { cause: thrown })
      }
    },
  }
}

/** An order as JSON within SQS's bound. What does not fit leaves weakest first; peers stay, since the cut needs them. */
export function orderBody(order: Order): { body: string; dropped: number } {
  let body = messageBody(order)
  if (order.kind !== 'finding') return { body, dropped: 0 }
  let { finding } = order
  while (Buffer.byteLength(body) > MAX_MESSAGE_BYTES) {
    const smaller = shortened(finding)
    if (smaller === finding) throw new Error(`Cannot send finding ${finding.id}: it does not fit into a message`)
    finding = smaller
    body = messageBody({ kind: 'finding', finding })
  }
  const count = ({ signals, exhibits }: Finding) => signals.length + exhibits.length
  return { body, dropped: count(order.finding) - count(finding) }
}

/** Half the exhibits away first, then the weaker half of the signals. */
function shortened(finding: Finding): Finding {
  const { exhibits, signals } = finding
  if (exhibits.length > 0) return { ...finding, exhibits: exhibits.slice(0, Math.floor(exhibits.length / 2)) }
  if (signals.length < 2) return finding
  const strongest = signals.toSorted((a, b) => Math.abs(b.points) - Math.abs(a.points))
  return { ...finding, signals: strongest.slice(0, Math.floor(signals.length / 2)) }
}

const resources = [`arn:aws:sqs:*:*:${ordersQueue.QueueName}`]

export const sendOrderPermissions: readonly Permission[] = [{ actions: ['sqs:SendMessage'], resources }]

/** What Lambda's poller asks of the function that the queue feeds. */
export const receiveOrderPermissions: readonly Permission[] = [
  {
    actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
    resources,
  },
]
