import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { GetCommand } from '@aws-sdk/lib-dynamodb'
import { awsClients } from '../../functions/clouds/aws/clients.ts'
import { dynamoLedger } from '../../functions/clouds/aws/ledger.ts'
import { ledgerTable } from '../../functions/clouds/aws/ledger-table.ts'
import { RetryableError } from '../../functions/core/errors.ts'
import { credentials, type Dynamo, type Fate, startDynamo, startRoad } from './aws-servers.ts'

let dynamo: Dynamo
before(async () => {
  dynamo = await startDynamo()
})
after(() => dynamo.stop())

const table = ledgerTable.TableName
const key = (sort: string) => ({ partition: 'wire', sort })
const PUT = 'PutItem'
const DELETE = 'DeleteItem'

async function onRoad(fate: (operation: string, earlier: number) => Fate, maxAttempts: number) {
  const road = await startRoad(dynamo.url, fate)
  const clients = awsClients({ ...credentials, AWS_ENDPOINT_URL: road.url }, { maxAttempts })
  return {
    road,
    ledger: dynamoLedger(clients.documents, Date, { table }),
    async [Symbol.asyncDispose]() {
      clients.destroy()
      await road.stop()
    },
  }
}

test('write() knows its own success when the answer to the first try got lost', async () => {
  await using way = await onRoad(
    (operation, earlier) => (operation === PUT && earlier === 0 ? 'lose-answer' : 'pass'),
    3,
  )
  const row = await way.ledger.write(key('lost'), { n: 1 }, 'absent')
  assert.ok(row, 'the second try failed its condition on our own row')
  assert.equal(way.road.count(PUT), 2)
  assert.equal((await way.ledger.read(key('lost')))?.version, row.version)
})

test('write() knows its own success when no try was answered at all', async () => {
  await using way = await onRoad(operation => (operation === PUT ? 'lose-answer' : 'pass'), 1)
  const row = await way.ledger.write(key('mute'), { n: 1 }, 'absent')
  assert.equal((await way.ledger.read(key('mute')))?.version, row?.version)
})

test('write() tells a conflict from its own success after a lost answer', async () => {
  const ledger = dynamoLedger(dynamo.clients.documents, Date, { table })
  const first = await ledger.write(key('race'), { by: 'a' }, 'absent')
  await ledger.write(key('race'), { by: 'b' }, 'any')
  await using way = await onRoad(operation => (operation === PUT ? 'lose-answer' : 'pass'), 1)
  assert.equal(await way.ledger.write(key('race'), { by: 'c' }, first?.version ?? 0), undefined)
  assert.deepEqual((await ledger.read(key('race')))?.value, { by: 'b' })
})

test('write() throws RetryableError when the request never arrived and may yet be made', async () => {
  await using way = await onRoad(operation => (operation === PUT ? 'refuse' : 'pass'), 2)
  await assert.rejects(way.ledger.write(key('never'), { n: 1 }, 'absent'), (thrown: unknown) => {
    assert.ok(thrown instanceof RetryableError)
    assert.match(thrown.message, /^Cannot write ledger row "wire\/never": /)
    return true
  })
  assert.equal(way.road.count(PUT), 2)
})

test('remove() counts a row that is gone after a lost answer as removed', async () => {
  const ledger = dynamoLedger(dynamo.clients.documents, Date, { table })
  const row = await ledger.write(key('gone'), 1, 'absent')
  await using way = await onRoad(
    (operation, earlier) => (operation === DELETE && earlier === 0 ? 'lose-answer' : 'pass'),
    3,
  )
  assert.equal(await way.ledger.remove(key('gone'), row?.version ?? 0), true)
  assert.equal(await ledger.read(key('gone')), undefined)
})

test('write() gives DynamoDB a time in seconds that is never before the row expires', async () => {
  const ledger = dynamoLedger(dynamo.clients.documents, { now: () => 1_000 }, { table })
  await ledger.write(key('ttl'), 1, 'absent', 61_001)
  const { Item } = await dynamo.clients
    .documents()
    .send(new GetCommand({ TableName: table, Key: { pk: 'wire', sk: 'ttl' } }))
  assert.equal(Item?.['expires'], 62)
  assert.equal(Item?.['until'], 61_001)
})

test('write() keeps a number above 2^53 instead of throwing', async () => {
  const ledger = dynamoLedger(dynamo.clients.documents, Date, { table })
  await ledger.write(key('big'), { bytes: 2 ** 60, part: 0.1 }, 'absent')
  assert.deepEqual((await ledger.read(key('big')))?.value, { bytes: 2 ** 60, part: 0.1 })
})

test('write() names the row and does not ask for a retry when the row is too large', async () => {
  const ledger = dynamoLedger(dynamo.clients.documents, Date, { table })
  await assert.rejects(ledger.write(key('huge'), 'x'.repeat(500_000), 'any'), (thrown: unknown) => {
    assert.ok(thrown instanceof Error && !(thrown instanceof RetryableError))
    assert.match(thrown.message, /wire\/huge/)
    return true
  })
})
