import type { CreateQueueCommandInput } from '@aws-sdk/client-sqs'

/** SQS takes more today; this is what every Region and quota has always taken, and Lambda's batch of one stays small. */
export const MAX_MESSAGE_BYTES = 262_144

/**
 * JSON that SQS accepts. Of the characters that JSON leaves as they are, SQS refuses U+FFFE and U+FFFF (SendMessage,
 * InvalidMessageContents), and hostile text can hold them.
 */
export function messageBody(value: unknown): string {
  return JSON.stringify(value).replace(/[\ufffe\uffff]/g, character => `\\u${character.charCodeAt(0).toString(16)}`)
}

/** One lane an instance. A message that fails comes back after the visibility timeout and holds back only its own lane. */
export const ordersQueue = {
  QueueName: 'firebreak-orders.fifo',
  Attributes: {
    FifoQueue: 'true',
    ContentBasedDeduplication: 'false',
    DeduplicationScope: 'messageGroup',
    FifoThroughputLimit: 'perMessageGroupId',
    VisibilityTimeout: '180',
    MessageRetentionPeriod: '1209600',
    MaximumMessageSize: String(MAX_MESSAGE_BYTES),
    SqsManagedSseEnabled: 'true',
  },
} satisfies CreateQueueCommandInput

export const deadLettersQueue = {
  QueueName: 'firebreak-dead-letters',
  Attributes: {
    MessageRetentionPeriod: '1209600',
    MaximumMessageSize: String(MAX_MESSAGE_BYTES),
    SqsManagedSseEnabled: 'true',
  },
} satisfies CreateQueueCommandInput
