import assert from 'node:assert/strict'
import { test } from 'node:test'
import { problemsOf, Template } from './specification.ts'

function problems(...resources: Record<string, unknown>[]): string[] {
  const named = resources.map((resource, index) => [`Resource${index}`, resource])
  return problemsOf(Template.parse({ Resources: Object.fromEntries(named) }))
}

const queue = (Properties: Record<string, unknown>) => ({ Type: 'AWS::SQS::Queue', Properties })

test('problemsOf() has nothing to say of a good template', () => {
  const dead = queue({ FifoQueue: true })
  const arn = { 'Fn::GetAtt': ['Resource1', 'Arn'] }
  assert.deepEqual(problems(queue({ QueueName: { 'Fn::Sub': `\${AWS::Region}-x` }, RedrivePolicy: arn }), dead), [])
})

test('problemsOf() finds an unknown type, an unknown property, and one that is missing', () => {
  assert.deepEqual(problems({ Type: 'AWS::SQS::Row' }), ['Resource0 is of the unknown type AWS::SQS::Row'])
  assert.deepEqual(problems(queue({ Fifo: true })), ['Resource0 has no property Fifo'])
  assert.deepEqual(problems({ Type: 'AWS::Lambda::EventSourceMapping', Properties: {} }), [
    'Resource0 lacks FunctionName',
  ])
})

test('problemsOf() finds a wrong type, a value that is not allowed, and both within what is nested', () => {
  assert.deepEqual(problems(queue({ DelaySeconds: '5' })), ['Resource0.DelaySeconds is "5", not of type integer'])
  const table = (Properties: Record<string, unknown>) => ({ Type: 'AWS::DynamoDB::Table', Properties })
  const KeySchema = [{ AttributeName: 'pk', KeyType: 'HASH' }]
  assert.deepEqual(problems(table({ KeySchema, TimeToLiveSpecification: { Enabled: 'yes' } })), [
    'Resource0.TimeToLiveSpecification.Enabled is "yes", not of type boolean',
  ])
  assert.deepEqual(problems(queue({ Tags: { Name: 'x' } })).length, 1)
  const FlowLog = { ResourceId: 'vpc-0', ResourceType: 'Vpc' }
  assert.deepEqual(problems({ Type: 'AWS::EC2::FlowLog', Properties: FlowLog }), [
    'Resource0.ResourceType is "Vpc", not of type string',
  ])
})

test('problemsOf() finds a reference to nothing, in every way of referring', () => {
  const missing = 'Resource0 refers to Nobody, which is no resource'
  assert.deepEqual(problems(queue({ QueueName: { Ref: 'Nobody' } })), [missing])
  assert.deepEqual(problems(queue({ QueueName: { 'Fn::Sub': `a-\${Nobody}` } })), [missing])
  assert.deepEqual(problems(queue({ QueueName: { 'Fn::GetAtt': ['Nobody', 'Arn'] } })), [missing])
  assert.deepEqual(problems({ ...queue({}), DependsOn: 'Nobody' }), [missing])
})

test('problemsOf() finds an attribute that the resource does not have', () => {
  assert.deepEqual(problems(queue({ QueueName: { 'Fn::GetAtt': ['Resource1', 'Name'] } }), queue({})), [
    'Resource0 asks Resource1 for Name, which AWS::SQS::Queue does not have',
  ])
})

test('problemsOf() finds resources that wait for each other', () => {
  const [one, two] = [queue({ QueueName: { Ref: 'Resource1' } }), queue({ QueueName: { Ref: 'Resource0' } })]
  assert.deepEqual(problems(one, two), ['Resource0 depends on itself', 'Resource1 depends on itself'])
})
