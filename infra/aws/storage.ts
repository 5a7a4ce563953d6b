import { ledgerTable, TTL_ATTRIBUTE } from '../../functions/clouds/aws/ledger-table.ts'
import { deadLettersQueue, ordersQueue } from '../../functions/clouds/aws/message.ts'
import { arnOf, queueProperties, type Resources } from './cloudformation.ts'

/**
 * With the visibility timeout half an hour of tries. Then the lane must go on: verify puts the continuation of every
 * open incident into it again, and the order that failed is kept for a person.
 */
const MAX_RECEIVES = 10

/** The dead-letter queue of a FIFO queue must be one too (Amazon SQS Developer Guide, "Using dead-letter queues"). */
const UNDELIVERED_ORDERS = 'firebreak-orders-undelivered.fifo'

/** The ledger and the queues. The table outlives the stack: it holds what is needed to put instances back. */
export function storage(): Resources {
  const { AttributeDefinitions, BillingMode, KeySchema, TableName } = ledgerTable
  const { MessageRetentionPeriod, MaximumMessageSize } = ordersQueue.Attributes
  return {
    LedgerTable: {
      Type: 'AWS::DynamoDB::Table',
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        TableName,
        AttributeDefinitions,
        KeySchema,
        BillingMode,
        TimeToLiveSpecification: { AttributeName: TTL_ATTRIBUTE, Enabled: true },
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        DeletionProtectionEnabled: true,
      },
    },
    OrdersQueue: {
      Type: 'AWS::SQS::Queue',
      Properties: {
        ...queueProperties(ordersQueue.QueueName, ordersQueue.Attributes),
        RedrivePolicy: { deadLetterTargetArn: arnOf('UndeliveredOrdersQueue'), maxReceiveCount: MAX_RECEIVES },
      },
    },
    UndeliveredOrdersQueue: {
      Type: 'AWS::SQS::Queue',
      Properties: queueProperties(UNDELIVERED_ORDERS, {
        FifoQueue: 'true',
        MessageRetentionPeriod,
        MaximumMessageSize,
        SqsManagedSseEnabled: 'true',
      }),
    },
    DeadLettersQueue: {
      Type: 'AWS::SQS::Queue',
      Properties: queueProperties(deadLettersQueue.QueueName, deadLettersQueue.Attributes),
    },
  }
}
