import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import * as z from 'zod'
import { changePatterns } from '../../functions/clouds/aws/changes/patterns.ts'
import { awsPermissions } from '../../functions/clouds/aws/permissions.ts'
import type { Permission } from '../../functions/core/ports.ts'
import { problemsOf, Template } from './specification.ts'

const root = join(import.meta.dirname, '../..')
let folder = ''
let template: Template = Template.parse({ Resources: {} })

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'firebreak-package-'))
  template = await packaged(join(root, 'infra/aws/example.json'), join(folder, 'example'))
})
after(() => rm(folder, { recursive: true, force: true }))

/** The real thing, without a network or credentials: `osls package` on what is deployed. */
async function packaged(settings: string, out: string): Promise<Template> {
  const command = [fileURLToPath(import.meta.resolve('osls/bin/serverless.js')), 'package', '--package', out]
  const env = { PATH: process.env['PATH'], FIREBREAK_SETTINGS: settings, SLS_TRACKING_DISABLED: '1' }
  await promisify(execFile)(process.execPath, command, { cwd: root, env })
  return Template.parse(JSON.parse(await readFile(join(out, 'cloudformation-template-update-stack.json'), 'utf8')))
}

const propertiesOf = (id: string) => template.Resources[id]?.Properties ?? {}
const ofType = (type: string) => Object.entries(template.Resources).filter(([, { Type }]) => Type === type)

test('the packaged template is what CloudFormation takes: known properties, right types, no dangling reference', () => {
  assert.deepEqual(problemsOf(template), [])
})

test('each role allows exactly what its function declares and its own log streams', () => {
  for (const [name, declared] of Object.entries(awsPermissions())) {
    const role = `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`
    const group = `arn:aws:logs:*:*:log-group:/aws/lambda/firebreak-${name}:*`
    const own = { actions: ['logs:CreateLogStream', 'logs:PutLogEvents'], resources: [group] }
    assert.deepEqual(rightsIn(granted(propertiesOf(role))), rightsIn([...declared, own]), role)
    assert.deepEqual(propertiesOf(`${role.slice(0, -4)}LambdaFunction`)['Role'], { 'Fn::GetAtt': [role, 'Arn'] })
  }
})

test('no other role is made than the five and the one that flow logs write with', () => {
  const roles = ofType('AWS::IAM::Role').map(([id]) => id)
  assert.deepEqual(roles.toSorted(), [
    'FlowLogRole',
    'OperateRole',
    'RespondRole',
    'RevokeRole',
    'VerifyRole',
    'WatchRole',
  ])
  for (const type of ['AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy']) assert.deepEqual(ofType(type), [])
})

test('the ledger outlives the stack, is paid by use, restorable to any second, and forgets what has expired', () => {
  const { DeletionPolicy, UpdateReplacePolicy, Properties } = template.Resources['LedgerTable'] ?? {}
  assert.deepEqual({ DeletionPolicy, UpdateReplacePolicy }, { DeletionPolicy: 'Retain', UpdateReplacePolicy: 'Retain' })
  assert.partialDeepStrictEqual(Properties, {
    TableName: 'firebreak-ledger',
    BillingMode: 'PAY_PER_REQUEST',
    TimeToLiveSpecification: { AttributeName: 'expires', Enabled: true },
    PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    DeletionProtectionEnabled: true,
  })
})

test('an order that fails at every try leaves its lane for a FIFO queue of its own', () => {
  assert.partialDeepStrictEqual(propertiesOf('OrdersQueue'), {
    QueueName: 'firebreak-orders.fifo',
    FifoQueue: true,
    RedrivePolicy: { deadLetterTargetArn: { 'Fn::GetAtt': ['UndeliveredOrdersQueue', 'Arn'] } },
  })
  assert.equal(propertiesOf('UndeliveredOrdersQueue')['FifoQueue'], true)
})

test('an order stays invisible for longer than respond may take', () => {
  const invisible = Number(propertiesOf('OrdersQueue')['VisibilityTimeout'])
  assert.ok(invisible >= 2 * Number(propertiesOf('RespondLambdaFunction')['Timeout']))
})

test('respond gets one order at a time and answers which it could not do', () => {
  const [mapping, ...others] = ofType('AWS::Lambda::EventSourceMapping')
  assert.deepEqual(others, [])
  assert.partialDeepStrictEqual(mapping?.[1].Properties, {
    BatchSize: 1,
    EventSourceArn: { 'Fn::GetAtt': ['OrdersQueue', 'Arn'] },
    FunctionName: { 'Fn::GetAtt': ['RespondLambdaFunction', 'Arn'] },
    FunctionResponseTypes: ['ReportBatchItemFailures'],
    ScalingConfig: { MaximumConcurrency: propertiesOf('RespondLambdaFunction')['ReservedConcurrentExecutions'] },
  })
})

test('verify runs every five minutes, and for each change that the functions can read', () => {
  const rules = ofType('AWS::Events::Rule').map(([, { Properties }]) => Properties)
  assert.deepEqual(
    rules.flatMap(({ ScheduleExpression }) => ScheduleExpression ?? []),
    ['rate(5 minutes)'],
  )
  const patterns = rules.flatMap(({ EventPattern }) => EventPattern ?? [])
  assert.deepEqual(patterns, Object.values(changePatterns))
  // EventBridge takes no longer one (Amazon EventBridge quotas, "Event pattern size").
  for (const pattern of patterns) assert.ok(JSON.stringify(pattern).length <= 2048, JSON.stringify(pattern))
})

test('a change that cannot be looked at yet comes again, and none is kept for longer than the schedule takes', () => {
  assert.partialDeepStrictEqual(propertiesOf('VerifyLambdaEvConf'), {
    MaximumRetryAttempts: 2,
    MaximumEventAgeInSeconds: 900,
  })
})

test('a delivery that watch cannot take is kept after its last try', () => {
  assert.partialDeepStrictEqual(propertiesOf('WatchLambdaEvConf'), {
    MaximumRetryAttempts: 2,
    DestinationConfig: { OnFailure: { Destination: { 'Fn::GetAtt': ['DeadLettersQueue', 'Arn'] } } },
  })
})

test('what may be granted apart of operate is an alias each, all of the same code', () => {
  const properties = ofType('AWS::Lambda::Alias').map(([, { Properties }]) => Properties)
  assert.deepEqual(
    properties.map(({ Name }) => Name),
    ['look', 'drill', 'approve', 'release', 'halt'],
  )
  for (const { FunctionName, FunctionVersion } of properties)
    assert.deepEqual([FunctionName, FunctionVersion], [{ Ref: 'OperateLambdaFunction' }, '$LATEST'])
})

test('every function runs on Node 24 on arm64, from its own artifact, with its log group made before it', () => {
  for (const name of ['watch', 'respond', 'verify', 'operate']) {
    const id = `${name.charAt(0).toUpperCase()}${name.slice(1)}`
    const { Properties, DependsOn } = template.Resources[`${id}LambdaFunction`] ?? {}
    assert.partialDeepStrictEqual(Properties, {
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      FunctionName: `firebreak-${name}`,
      Handler: 'index.handler',
    })
    assert.match(JSON.stringify(Properties?.['Code']), new RegExp(`/${name}\\.zip"`))
    assert.ok(DependsOn?.includes(`${id}LogGroup`))
    assert.deepEqual(propertiesOf(`${id}LogGroup`), {
      LogGroupName: `/aws/lambda/firebreak-${name}`,
      RetentionInDays: 90,
    })
  }
})

test('a secret is a reference, and only the functions that open tickets have it', () => {
  const holders = ofType('AWS::Lambda::Function').filter(([, { Properties }]) =>
    JSON.stringify(Properties).includes('FIREBREAK_WEBHOOK_SECRET'),
  )
  assert.deepEqual(holders.map(([id]) => id).toSorted(), ['RespondLambdaFunction', 'VerifyLambdaFunction'])
  for (const [, { Properties }] of holders)
    assert.match(
      JSON.stringify(Properties['Environment']),
      /"FIREBREAK_WEBHOOK_SECRET":"\{\{resolve:secretsmanager:firebreak\/webhook:SecretString\}\}"/,
    )
})

test('the least that an operator can write is packaged too, and makes nothing that was not asked for', async () => {
  const settings = join(folder, 'least.json')
  await writeFile(settings, JSON.stringify({ deployment: { reserveConcurrency: false }, configuration: {} }))
  const least = await packaged(settings, join(folder, 'least'))
  assert.deepEqual(problemsOf(least), [])
  const text = JSON.stringify(least)
  for (const absent of [
    'ReservedConcurrentExecutions',
    '::FlowLog',
    '::SubscriptionFilter',
    '"AlarmActions',
    'resolve:',
  ])
    assert.ok(!text.includes(absent), absent)
})

test('every way in that can be configured is packaged, and watch may read just these', async () => {
  const arn = (service: string, name: string) => `arn:aws:${service}:eu-west-1:111122223333:${name}`
  const key = arn('kms', 'key/1234abcd-12ab-34cd-56ef-1234567890ab')
  const objects = {
    queues: [arn('sqs', 'log-objects')],
    topics: [arn('sns', 'log-objects')],
    bus: true,
    direct: true,
    keys: [key],
  }
  const [kinesis, firehose] = [arn('kinesis', 'stream/logs'), arn('firehose', 'deliverystream/logs')]
  const configuration = {
    buckets: { 'example-logs': {} },
    streams: { [kinesis]: { source: 'aws-resolver' }, [firehose]: {} },
  }
  const findings = ['guardduty', 'security-hub', 'dns-firewall', 'alarms']
  const settings = join(folder, 'all.json')
  await writeFile(settings, JSON.stringify({ deployment: { objects, findings }, configuration }))
  const all = await packaged(settings, join(folder, 'all'))
  assert.deepEqual(problemsOf(all), [])

  const ofWatch = (type: string) =>
    Object.values(all.Resources).filter(
      ({ Type, Properties }) => Type === type && JSON.stringify(Properties).includes('WatchLambdaFunction'),
    )
  assert.deepEqual(
    ofWatch('AWS::Lambda::EventSourceMapping').map(({ Properties }) => Properties['EventSourceArn']),
    [...objects.queues, kinesis],
  )
  for (const { Properties } of ofWatch('AWS::Lambda::EventSourceMapping'))
    assert.deepEqual(Properties['FunctionResponseTypes'], ['ReportBatchItemFailures'])
  assert.equal(ofWatch('AWS::Events::Rule').length, findings.length + 1)
  assert.deepEqual(
    ofWatch('AWS::Lambda::Permission')
      .map(({ Properties }) => Properties['Principal'])
      .toSorted(),
    [...Array.from({ length: 5 }, () => 'events.amazonaws.com'), 's3.amazonaws.com', 'sns.amazonaws.com'],
  )
  for (const { Properties } of ofWatch('AWS::Lambda::Permission')) assert.ok(Properties['SourceArn'])

  const inputs = { buckets: ['example-logs'], keys: [key], queues: objects.queues, streams: [kinesis] }
  const own = {
    actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    resources: ['arn:aws:logs:*:*:log-group:/aws/lambda/firebreak-watch:*'],
  }
  const properties = all.Resources['WatchRole']?.Properties ?? {}
  assert.deepEqual(rightsIn(granted(properties)), rightsIn([...awsPermissions(inputs).watch, own]))
})

test('a mistake in the settings ends the packaging with one line that names it', async () => {
  const missing = join(folder, 'nothing.json')
  await assert.rejects(packaged(missing, join(folder, 'none')), (error: unknown) => {
    const { code, stderr } = z.object({ code: z.number(), stderr: z.string() }).parse(error)
    assert.equal(code, 1)
    assert.match(stderr, /^Cannot read .*nothing\.json: .*\n$/)
    return true
  })
})

const Document = z.strictObject({
  Version: z.literal('2012-10-17'),
  Statement: z.array(
    z.strictObject({
      Effect: z.literal('Allow'),
      Action: z.array(z.string()),
      Resource: z.array(
        z.union([z.string(), z.strictObject({ 'Fn::Sub': z.string() }).transform(sub => sub['Fn::Sub'])]),
      ),
      Condition: z.record(z.string(), z.record(z.string(), z.union([z.string(), z.array(z.string())]))).optional(),
    }),
  ),
})
const Role = z.strictObject({
  Description: z.string(),
  AssumeRolePolicyDocument: z.strictObject({
    Version: z.literal('2012-10-17'),
    Statement: z.tuple([
      z.strictObject({
        Effect: z.literal('Allow'),
        Principal: z.strictObject({ Service: z.literal('lambda.amazonaws.com') }),
        Action: z.literal('sts:AssumeRole'),
      }),
    ]),
  }),
  Policies: z.array(z.strictObject({ PolicyName: z.string(), PolicyDocument: Document })),
})

/** Each action with what it is allowed on, whichever statement says so. */
function rightsIn(permissions: readonly Permission[]): string[] {
  const rights = permissions.flatMap(({ actions, resources, conditions }) =>
    actions.map(action => JSON.stringify([action, resources, conditions])),
  )
  return [...new Set(rights)].toSorted()
}

/** A role's permissions in the words of the code, where a partition is `aws` and a Region or account is any. */
function granted(properties: unknown) {
  return Role.parse(properties).Policies.flatMap(({ PolicyDocument }) =>
    PolicyDocument.Statement.map(({ Action, Resource, Condition }) => ({
      actions: Action,
      resources: Resource.map(resource =>
        resource.replaceAll(/\$\{AWS::(\w+)\}/g, (_, parameter) => (parameter === 'Partition' ? 'aws' : '*')),
      ),
      ...(Condition === undefined ? {} : { conditions: Condition }),
    })),
  )
}
