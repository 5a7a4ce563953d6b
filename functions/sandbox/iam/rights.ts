import * as z from 'zod'
import type { Service } from '../calls.ts'
import type { Cloud } from '../cloud.ts'
import { type Parameters, parseParameters } from '../ec2/parameters.ts'
import { invokedAlias, invokedFunction } from '../invocations.ts'
import { EC2_RIGHTS } from './ec2-rights.ts'
import { objectRights } from './object-rights.ts'
import { arn, type Right, type Row, right } from './right.ts'

/** A call as its server gets it. */
export interface Asked {
  readonly service: Service
  /** As the API calls it. */
  readonly action: string
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

/** Requests of the JSON protocols, as far as their rights depend on them. */
const JsonRequest = z.object({
  TableName: z.string().optional(),
  Key: z.unknown().optional(),
  Item: z.unknown().optional(),
  ExpressionAttributeValues: z.record(z.string(), z.unknown()).optional(),
  RequestItems: z.record(z.string(), z.object({ Keys: z.array(z.unknown()).default([]) })).optional(),
  QueueUrl: z.string().optional(),
  logGroupName: z.string().optional(),
  FirewallDomainListId: z.string().optional(),
  FirewallRuleGroupId: z.string().optional(),
  FirewallRuleGroupAssociationId: z.string().optional(),
})
type JsonRequest = z.infer<typeof JsonRequest>

const PartitionKey = z.object({ pk: z.object({ S: z.string() }) })
const PartitionValue = z.object({ S: z.string() })

/** `dynamodb:LeadingKeys` are the partition keys that a request names (IAM condition keys for DynamoDB). */
function item(action: string, of: (request: JsonRequest) => unknown): Row<JsonRequest> {
  return (cloud, request) => {
    const { data } = PartitionKey.safeParse(of(request))
    const keys = data ? { 'dynamodb:LeadingKeys': [data.pk.S] } : {}
    return [right(action, arn(cloud, 'dynamodb', `table/${request.TableName}`), keys)]
  }
}

function queried(cloud: Cloud, { TableName, ExpressionAttributeValues }: JsonRequest): Right[] {
  const { data } = PartitionValue.safeParse(ExpressionAttributeValues?.[':pk'])
  const keys = data ? { 'dynamodb:LeadingKeys': [data.S] } : {}
  return [right('dynamodb:Query', arn(cloud, 'dynamodb', `table/${TableName}`), keys)]
}

function batched(cloud: Cloud, { RequestItems = {} }: JsonRequest): Right[] {
  return Object.entries(RequestItems).map(([table, { Keys }]) => {
    const partitions = Keys.flatMap(key => PartitionKey.safeParse(key).data?.pk.S ?? [])
    const keys = { 'dynamodb:LeadingKeys': partitions }
    return right('dynamodb:BatchGetItem', arn(cloud, 'dynamodb', `table/${table}`), keys)
  })
}

function queue(action: string): Row<JsonRequest> {
  return (cloud, { QueueUrl = '' }) => [right(action, arn(cloud, 'sqs', QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1)))]
}

/** Of what is only made by the call nobody knows the id. */
function firewall(action: string, ...kinds: readonly ('list' | 'group' | 'association')[]): Row<JsonRequest> {
  return (cloud, request) =>
    kinds.map(kind => {
      const resource = {
        list: `firewall-domain-list/${request.FirewallDomainListId ?? '*'}`,
        group: `firewall-rule-group/${request.FirewallRuleGroupId ?? '*'}`,
        association: `firewall-rule-group-association/${request.FirewallRuleGroupAssociationId ?? '*'}`,
      }[kind]
      return right(`route53resolver:${action}`, arn(cloud, 'route53resolver', resource))
    })
}

const JSON_RIGHTS: Readonly<Record<string, Row<JsonRequest>>> = {
  'dynamodb:GetItem': item('dynamodb:GetItem', ({ Key }) => Key),
  'dynamodb:PutItem': item('dynamodb:PutItem', ({ Item }) => Item),
  'dynamodb:DeleteItem': item('dynamodb:DeleteItem', ({ Key }) => Key),
  'dynamodb:Query': queried,
  'dynamodb:BatchGetItem': batched,

  'sqs:SendMessage': queue('sqs:SendMessage'),
  // Sending and deleting in batches is the same right (SQS Developer Guide, "Amazon SQS API permissions").
  'sqs:SendMessageBatch': queue('sqs:SendMessage'),
  'sqs:ReceiveMessage': queue('sqs:ReceiveMessage'),
  'sqs:DeleteMessage': queue('sqs:DeleteMessage'),
  'sqs:GetQueueAttributes': queue('sqs:GetQueueAttributes'),

  'logs:FilterLogEvents': (cloud, { logGroupName }) => [
    right('logs:FilterLogEvents', arn(cloud, 'logs', `log-group:${logGroupName}:*`)),
  ],

  'route53resolver:ListFirewallRuleGroupAssociations': () => [
    right('route53resolver:ListFirewallRuleGroupAssociations'),
  ],
  'route53resolver:ListFirewallRuleGroups': () => [right('route53resolver:ListFirewallRuleGroups')],
  'route53resolver:ListFirewallDomainLists': () => [right('route53resolver:ListFirewallDomainLists')],
  'route53resolver:ListFirewallDomains': firewall('ListFirewallDomains', 'list'),
  'route53resolver:ListFirewallRules': firewall('ListFirewallRules', 'group'),
  'route53resolver:CreateFirewallDomainList': firewall('CreateFirewallDomainList', 'list'),
  'route53resolver:UpdateFirewallDomains': firewall('UpdateFirewallDomains', 'list'),
  'route53resolver:DeleteFirewallDomainList': firewall('DeleteFirewallDomainList', 'list'),
  'route53resolver:CreateFirewallRuleGroup': firewall('CreateFirewallRuleGroup', 'group'),
  'route53resolver:DeleteFirewallRuleGroup': firewall('DeleteFirewallRuleGroup', 'group'),
  'route53resolver:CreateFirewallRule': firewall('CreateFirewallRule', 'group', 'list'),
  'route53resolver:DeleteFirewallRule': firewall('DeleteFirewallRule', 'group', 'list'),
  'route53resolver:AssociateFirewallRuleGroup': firewall('AssociateFirewallRuleGroup', 'association'),
  'route53resolver:DisassociateFirewallRuleGroup': firewall('DisassociateFirewallRuleGroup', 'association'),
}

function role(action: string): Row<Parameters> {
  return ({ account, roles }, parameters) => {
    const name = parameters.text('RoleName') ?? ''
    return [right(action, `arn:aws:iam::${account}:role${roles?.get(name)?.path ?? '/'}${name}`)]
  }
}

function scaling(action: string): Row<Parameters> {
  return (cloud, parameters) => {
    const name = parameters.text('AutoScalingGroupName') ?? ''
    const id = '00000000-0000-0000-0000-000000000000'
    return [right(action, arn(cloud, 'autoscaling', `autoScalingGroup:${id}:autoScalingGroupName/${name}`))]
  }
}

const targets =
  (action: string): Row<Parameters> =>
  (_, parameters) => [right(action, parameters.text('TargetGroupArn'))]

function classic(action: string): Row<Parameters> {
  return (cloud, parameters) => [
    right(action, arn(cloud, 'elasticloadbalancing', `loadbalancer/${parameters.text('LoadBalancerName')}`)),
  ]
}

const QUERY_RIGHTS: Readonly<Record<string, Row<Parameters>>> = {
  'iam:PutRolePolicy': role('iam:PutRolePolicy'),
  'iam:GetRolePolicy': role('iam:GetRolePolicy'),
  'iam:DeleteRolePolicy': role('iam:DeleteRolePolicy'),
  'iam:GetInstanceProfile': ({ account, roles }, parameters) => {
    const name = parameters.text('InstanceProfileName') ?? ''
    const path = roles?.get(name)?.path ?? '/'
    return [right('iam:GetInstanceProfile', `arn:aws:iam::${account}:instance-profile${path}${name}`)]
  },

  'autoscaling:EnterStandby': scaling('autoscaling:EnterStandby'),
  'autoscaling:ExitStandby': scaling('autoscaling:ExitStandby'),
  'autoscaling:DetachInstances': scaling('autoscaling:DetachInstances'),
  'autoscaling:AttachInstances': scaling('autoscaling:AttachInstances'),

  'elasticloadbalancing:RegisterTargets': targets('elasticloadbalancing:RegisterTargets'),
  'elasticloadbalancing:DeregisterTargets': targets('elasticloadbalancing:DeregisterTargets'),
  'elasticloadbalancing:RegisterInstancesWithLoadBalancer': classic(
    'elasticloadbalancing:RegisterInstancesWithLoadBalancer',
  ),
  'elasticloadbalancing:DeregisterInstancesFromLoadBalancer': classic(
    'elasticloadbalancing:DeregisterInstancesFromLoadBalancer',
  ),
}

/** Of these services every Describe call knows no resource (Service Authorization Reference). */
const DESCRIBING: readonly Service[] = ['ec2', 'autoscaling', 'elasticloadbalancing']

/**
 * The rights that a call needs, each of them (Service Authorization Reference, per service). `undefined`: the tables have no
 * row for the call yet.
 */
export function rightsOf(cloud: Cloud, asked: Asked): readonly Right[] | undefined {
  const { service, action, path, body } = asked
  const name = `${service}:${action}`
  if (service === 's3') return objectRights(cloud, asked)
  if (service === 'lambda') {
    const alias = invokedAlias(path)
    const invoked = `function:${invokedFunction(path)}${alias === undefined ? '' : `:${alias}`}`
    return [right('lambda:InvokeFunction', arn(cloud, 'lambda', invoked))]
  }
  // Whoever has credentials may ask whose they are (STS API Reference, GetCallerIdentity).
  if (service === 'sts') return []
  if (DESCRIBING.includes(service) && action.startsWith('Describe')) return [right(name)]
  const json = JSON_RIGHTS[name]
  if (json) return json(cloud, JsonRequest.parse(parsed(body)))
  const query = (service === 'ec2' ? EC2_RIGHTS : QUERY_RIGHTS)[name]
  return query?.(cloud, parseParameters(body.toString()))
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString())
  } catch {
    // The server behind says what is wrong with it.
    return {}
  }
}
