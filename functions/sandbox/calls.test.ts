import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Call, ec2Call, jsonOutcome, jsonTarget, longestChain } from './calls.ts'

function call(n: number, startedAt: number, endedAt: number): Call {
  return { n, service: 'ec2', action: 'DescribeInstances', startedAt, endedAt, outcome: 'ok' }
}

function numbers(calls: readonly Call[]): number[] {
  return longestChain(calls).map(({ n }) => n)
}

describe('longestChain()', () => {
  it('counts what came after one another and not what ran side by side', () => {
    assert.deepEqual(numbers([call(1, 0, 10), call(2, 1, 12), call(3, 2, 11)]).length, 1)
    assert.deepEqual(numbers([call(1, 0, 10), call(2, 10, 20), call(3, 15, 30), call(4, 21, 40)]), [1, 2, 4])
  })

  it('finds the longest one, not the one that begins or ends first', () => {
    const long = [call(1, 0, 5), call(2, 6, 9), call(3, 10, 12)]
    assert.deepEqual(numbers([call(4, 0, 11), call(5, 11, 50), ...long, call(6, 13, 60)]), [1, 2, 3, 6])
  })

  it('of no calls is empty', () => {
    assert.deepEqual(longestChain([]), [])
  })
})

describe('what a call is about', () => {
  it('is told for EC2 from its parameters', () => {
    const body = 'Action=ModifyNetworkInterfaceAttribute&Version=2016-11-15&NetworkInterfaceId=eni-1'
    assert.deepEqual(ec2Call(body), { action: 'ModifyNetworkInterfaceAttribute', target: 'eni-1' })
    assert.deepEqual(ec2Call(''), { action: '', target: undefined })
  })

  it('is told for a table by its key and for a queue by its name', () => {
    const put = { TableName: 'ledger', Item: { pk: { S: 'incident' }, sk: { S: 'i-1' } } }
    assert.equal(jsonTarget(Buffer.from(JSON.stringify(put))), 'ledger incident i-1')
    const send = { QueueUrl: 'http://127.0.0.1:1/000000000000/orders.fifo' }
    assert.equal(jsonTarget(Buffer.from(JSON.stringify(send))), 'orders.fifo')
    assert.equal(jsonTarget(Buffer.from('{')), undefined)
    assert.equal(jsonTarget(Buffer.from('null')), undefined)
  })

  it('came out as its error’s code says', () => {
    const refused = Buffer.from('{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}')
    assert.equal(jsonOutcome(400, refused), 'ConditionalCheckFailedException')
    assert.equal(jsonOutcome(500, Buffer.from('')), 'HTTP 500')
    assert.equal(jsonOutcome(200, Buffer.from('')), 'ok')
  })
})
