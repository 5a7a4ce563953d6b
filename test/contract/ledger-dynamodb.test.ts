import { after, before } from 'node:test'
import { dynamoLedger } from '../../functions/clouds/aws/ledger.ts'
import { ledgerTable } from '../../functions/clouds/aws/ledger-table.ts'
import { type Dynamo, startDynamo } from '../wire/aws-servers.ts'
import { ledgerContract } from './ledger.ts'

let dynamo: Dynamo
before(async () => {
  dynamo = await startDynamo()
})
after(() => dynamo.stop())

ledgerContract('DynamoDB', clock => dynamoLedger(dynamo.clients.documents, clock, { table: ledgerTable.TableName }))
