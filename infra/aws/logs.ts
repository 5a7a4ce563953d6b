import { arnOf, logGroupArn, logicalId, type Resources, ref, sub, type Value } from './cloudformation.ts'
import { functionId } from './functions.ts'
import { policy, trust } from './roles.ts'
import type { Settings } from './settings.ts'

type Logs = Pick<Settings, 'deployment' | 'config'>

/** What brings the configured log groups to watch, and the flow logs that the stack makes itself. */
export function logs(settings: Logs): Resources {
  return { ...subscriptions(settings), ...flowLogs(settings) }
}

function subscriptions({ deployment: { flowLog }, config }: Logs): Resources {
  const groups = Object.keys(config.logGroups).toSorted()
  return Object.fromEntries(
    groups.flatMap(group => {
      const id = logicalId(group)
      const made = group === flowLog?.group ? ['FlowLogGroup'] : []
      return [
        [
          `Deliver${id}`,
          {
            Type: 'AWS::Lambda::Permission',
            Properties: {
              Action: 'lambda:InvokeFunction',
              FunctionName: arnOf(functionId('watch')),
              Principal: 'logs.amazonaws.com',
              SourceAccount: ref('AWS::AccountId'),
              SourceArn: logGroupArn(group),
            },
          },
        ],
        [
          `Subscribe${id}`,
          {
            Type: 'AWS::Logs::SubscriptionFilter',
            // The permission must stand before the filter: CloudWatch Logs tries it when the filter is made.
            DependsOn: [`Deliver${id}`, ...made],
            Properties: {
              FilterName: 'firebreak',
              LogGroupName: group,
              // All of it: the functions decide, and a proof needs the records that show nothing.
              FilterPattern: '',
              DestinationArn: arnOf(functionId('watch')),
            },
          },
        ],
      ]
    }),
  )
}

function flowLogs({ deployment: { flowLog }, config }: Logs): Resources {
  if (!flowLog) return {}
  const { group, vpcs, retentionDays } = flowLog
  const fields = config.logGroups[group]?.fields ?? ''
  return {
    FlowLogGroup: { Type: 'AWS::Logs::LogGroup', Properties: { LogGroupName: group, RetentionInDays: retentionDays } },
    FlowLogRole: {
      Type: 'AWS::IAM::Role',
      Properties: {
        Description: 'Lets VPC flow logs write into the log group that Firebreak reads',
        AssumeRolePolicyDocument: trust('vpc-flow-logs.amazonaws.com', {
          Condition: { StringEquals: { 'aws:SourceAccount': ref('AWS::AccountId') } },
        }),
        Policies: [{ PolicyName: 'deliver', PolicyDocument: policy(flowLogStatements(group)) }],
      },
    },
    ...Object.fromEntries(
      vpcs.map(vpc => [
        `FlowLog${logicalId(vpc)}`,
        {
          Type: 'AWS::EC2::FlowLog',
          DependsOn: ['FlowLogGroup'],
          Properties: {
            ResourceType: 'VPC',
            ResourceId: vpc,
            TrafficType: 'ALL',
            LogDestinationType: 'cloud-watch-logs',
            LogGroupName: group,
            DeliverLogsPermissionArn: arnOf('FlowLogRole'),
            // Ten minutes, the default, would put the proof of a cut off by as much.
            MaxAggregationInterval: 60,
            LogFormat: sub(logFormat(fields)),
            Tags: [{ Key: 'Name', Value: 'firebreak' }],
          },
        },
      ]),
    ),
  }
}

/** As a flow log is told it, `${field}` each; within Fn::Sub, where `${!field}` stands for the text itself. */
function logFormat(fields: string): string {
  const names = fields.trim().split(/\s+/)
  return names.map(name => `\${!${name.replace(/^\$\{(.*)\}$/, '$1')}}`).join(' ')
}

/** Amazon VPC User Guide, "IAM role for publishing flow logs to CloudWatch Logs"; the group is made by the stack. */
function flowLogStatements(group: string): Value[] {
  return [
    { Effect: 'Allow', Action: ['logs:CreateLogStream', 'logs:PutLogEvents'], Resource: [logGroupArn(group)] },
    { Effect: 'Allow', Action: ['logs:DescribeLogGroups', 'logs:DescribeLogStreams'], Resource: ['*'] },
  ]
}
