import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { eventSources } from '../../functions/sources/registry.ts'
import type { Resource } from '../../infra/aws/cloudformation.ts'
import { PATTERNS } from '../../infra/aws/inputs.ts'
import { readSettings, type Settings } from '../../infra/aws/settings.ts'
import { templateOf } from '../../infra/aws/template.ts'

const settings = readSettings(join(import.meta.dirname, '../../infra/aws/example.json'))
const { fields = '' } = settings.config.logGroups['/firebreak/flow'] ?? {}

function ofType(type: string, { deployment, config }: Pick<Settings, 'deployment' | 'config'>): Resource[] {
  const { Resources } = templateOf({ ...settings, deployment, config }).resources
  return Object.values(Resources).filter(({ Type }) => Type === type)
}

test("each configured log group is delivered to watch, and watch may be invoked by that group of the account's only", () => {
  const names = ['/firebreak/flow', 'firewall.alert', 'firewall-alert']
  const logGroups = Object.fromEntries(names.map(name => [name, { source: 'aws-vpc-flow', fields }]))
  const given = { ...settings, config: { ...settings.config, logGroups } }
  const filters = ofType('AWS::Logs::SubscriptionFilter', given)
  assert.deepEqual(filters.map(({ Properties }) => Properties['LogGroupName']).toSorted(), names.toSorted())
  for (const { Properties } of filters) assert.equal(Properties['FilterPattern'], '')
  const permissions = ofType('AWS::Lambda::Permission', given).filter(
    ({ Properties }) => Properties['Principal'] === 'logs.amazonaws.com',
  )
  assert.deepEqual(
    permissions.map(({ Properties }) => JSON.stringify(Properties['SourceArn']).split(':log-group:')[1]).toSorted(),
    names.map(name => `${name}:*"}`).toSorted(),
  )
  for (const { Properties } of permissions) assert.deepEqual(Properties['SourceAccount'], { Ref: 'AWS::AccountId' })
})

test('the flow log has the format that watch reads, whichever way it was written', () => {
  const written = fields.split(' ').map(name => `\${${name}}`)
  for (const text of [fields, written.join(' ')]) {
    const logGroups = { '/firebreak/flow': { source: 'aws-vpc-flow', fields: text } }
    const [flowLog] = ofType('AWS::EC2::FlowLog', { ...settings, config: { ...settings.config, logGroups } })
    // Within Fn::Sub `${!field}` stands for `${field}`.
    assert.deepEqual(flowLog?.Properties['LogFormat'], { 'Fn::Sub': written.join(' ').replaceAll('${', '${!') })
    assert.equal(flowLog?.Properties['MaxAggregationInterval'], 60)
  }
})

test('without a flow log of its own the stack makes neither flow log nor group nor role for it', () => {
  const { flowLog: _, ...deployment } = settings.deployment
  const { Resources } = templateOf({ ...settings, deployment }).resources
  assert.deepEqual(
    Object.keys(Resources).filter(id => id.startsWith('FlowLog')),
    [],
  )
})

test('every alarm tells the topic when it begins and when it is over', () => {
  const alarms = ofType('AWS::CloudWatch::Alarm', settings)
  assert.equal(alarms.length, 13)
  for (const { Properties } of alarms)
    for (const actions of ['AlarmActions', 'OKActions'])
      assert.deepEqual(Properties[actions], [settings.deployment.alarmTopic], String(Properties['AlarmName']))
})

test('alarms watch both dead-letter queues, the oldest order, errors, verify, cuts that are not proven, guards and tags', () => {
  const watched = ofType('AWS::CloudWatch::Alarm', settings).map(({ Properties }) =>
    [
      Properties['MetricName'],
      JSON.stringify(Properties['Dimensions']).match(/(?:GetAtt":\["|Value":")(\w[\w-]*)/)?.[1],
    ].join(' '),
  )
  assert.deepEqual(watched.toSorted(), [
    'ApproximateAgeOfOldestMessage OrdersQueue',
    'ApproximateNumberOfMessagesVisible DeadLettersQueue',
    'ApproximateNumberOfMessagesVisible UndeliveredOrdersQueue',
    'CutNotProven verify',
    'DestinationDeliveryFailures firebreak-watch',
    'Errors firebreak-respond',
    'Errors firebreak-verify',
    'Errors firebreak-watch',
    'GuardChanged verify',
    'OrderFailed respond',
    'ScopeTagChanged verify',
    'VerifyFailed verify',
    'VerifyRan verify',
  ])
})

test('what verify counts carries the name and dimension that its alarms watch', async () => {
  const telemetry = join(import.meta.dirname, '../../functions/entry/telemetry.ts')
  const script = `const { createTelemetry } = await import(${JSON.stringify(telemetry)})
    const { metrics, flush } = createTelemetry('verify', {})
    metrics.count('VerifyFailed')
    flush()`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  const { _aws, ...values } = JSON.parse(stdout)
  const alarm = templateOf(settings).resources.Resources['VerifyFailedAlarm']
  const {
    CloudWatchMetrics: [
      {
        Namespace,
        Dimensions: [[Name]],
        Metrics: [{ Name: MetricName }],
      },
    ],
  } = _aws
  assert.partialDeepStrictEqual(alarm?.Properties, {
    Namespace,
    MetricName,
    Dimensions: [{ Name, Value: values[Name] }],
  })
})

test('concurrency is kept for respond and verify unless the account cannot spare it', () => {
  assert.deepEqual(templateOf(settings).reserved, { respond: 20, verify: 5 })
  const deployment = { ...settings.deployment, reserveConcurrency: false }
  assert.deepEqual(templateOf({ ...settings, deployment }).reserved, {})
})

test('the rules of the bus bring what a source takes, and every source of the bus has its rule', () => {
  const event = { id: '1', account: '111122223333', region: 'eu-west-1', time: 0, detail: {} }
  const taking = Object.values(PATTERNS).flatMap(({ source, 'detail-type': types }) =>
    source.flatMap(from =>
      types.map(type => eventSources.find(one => one.takes({ ...event, source: from, type }))?.id),
    ),
  )
  assert.deepEqual(new Set(taking), new Set(eventSources.map(({ id }) => id)))
})
