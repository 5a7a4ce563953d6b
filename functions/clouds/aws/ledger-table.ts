import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb'

/** Seconds since the epoch; DynamoDB sweeps an expired item some time after it. */
export const TTL_ATTRIBUTE = 'expires'

/** The one table. infra/ makes it on AWS, the sandbox on loopback. */
export const ledgerTable = {
  TableName: 'firebreak-ledger',
  AttributeDefinitions: [
    { AttributeName: 'pk', AttributeType: 'S' },
    { AttributeName: 'sk', AttributeType: 'S' },
  ],
  KeySchema: [
    { AttributeName: 'pk', KeyType: 'HASH' },
    { AttributeName: 'sk', KeyType: 'RANGE' },
  ],
  BillingMode: 'PAY_PER_REQUEST',
} satisfies CreateTableCommandInput
