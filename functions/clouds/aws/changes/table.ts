import type { Change } from '../../../core/change.ts'

/** What a call that CloudTrail records may mean. Functions and the rules of the bus read the same table. */
export interface Watched {
  /** As CloudTrail's `eventSource` has it. */
  readonly service: string
  /** Names of calls; each stands for all that begin with it, since Lambda's carry a version. */
  readonly calls: readonly string[]
  readonly touches: Change['touches']
  /** A guard where it names something of Firebreak's, or whatever it names; default: none. */
  readonly guard?: 'ours' | 'any'
}

export const WATCHED: readonly Watched[] = [
  {
    service: 'ec2.amazonaws.com',
    calls: [
      'AssignPrivateIpAddresses',
      'AssociateAddress',
      'AttachNetworkInterface',
      'AttachVolume',
      'CreateNetworkAclEntry',
      'DeleteNetworkAclEntry',
      'DetachNetworkInterface',
      'DeleteSnapshot',
      'AssociateIamInstanceProfile',
      'ModifyInstanceAttribute',
      'ModifyInstanceMetadataOptions',
      'ModifyNetworkInterfaceAttribute',
      'ModifySnapshotAttribute',
      'ReplaceNetworkAclEntry',
      'ResetNetworkInterfaceAttribute',
      'StartInstances',
      'UnlockSnapshot',
    ],
    touches: ['cut'],
  },
  {
    service: 'ec2.amazonaws.com',
    // These name an association: whose it is, or was, they do not say.
    calls: ['ReplaceIamInstanceProfileAssociation', 'ReplaceNetworkAclAssociation'],
    touches: ['every'],
  },
  {
    service: 'ec2.amazonaws.com',
    calls: [
      'AuthorizeSecurityGroupEgress',
      'AuthorizeSecurityGroupIngress',
      'DeleteSecurityGroup',
      'ModifySecurityGroupRules',
    ],
    touches: ['cut', 'rules'],
  },
  { service: 'ec2.amazonaws.com', calls: ['CreateTags', 'DeleteTags'], touches: ['tags'] },
  { service: 'ec2.amazonaws.com', calls: ['CreateVpc', 'RunInstances'], touches: ['fleet'] },
  { service: 'ec2.amazonaws.com', calls: ['TerminateInstances'], touches: ['cut', 'fleet'] },
  // Nothing says of a flow log by its id into which group it writes.
  { service: 'ec2.amazonaws.com', calls: ['DeleteFlowLogs'], touches: [], guard: 'any' },
  // A second flow log in the same group brings lines of another format, or only what was refused.
  { service: 'ec2.amazonaws.com', calls: ['CreateFlowLogs'], touches: [], guard: 'ours' },
  {
    service: 'autoscaling.amazonaws.com',
    calls: ['AttachInstances', 'ExitStandby', 'TerminateInstanceInAutoScalingGroup'],
    touches: ['cut'],
  },
  {
    service: 'elasticloadbalancing.amazonaws.com',
    calls: ['RegisterInstancesWithLoadBalancer', 'RegisterTargets'],
    touches: ['cut'],
  },
  {
    service: 'route53resolver.amazonaws.com',
    calls: [
      'DeleteFirewallDomainList',
      'DeleteFirewallRule',
      'DisassociateFirewallRuleGroup',
      'ImportFirewallDomains',
      'UpdateFirewallDomains',
      'UpdateFirewallRule',
    ],
    touches: ['cut'],
  },
  {
    service: 'route53resolver.amazonaws.com',
    calls: ['DeleteResolverQueryLogConfig', 'DisassociateResolverQueryLogConfig'],
    touches: [],
    guard: 'any',
  },
  {
    service: 'iam.amazonaws.com',
    calls: [
      'AttachRolePolicy',
      'DeleteRole',
      'DeleteRolePermissionsBoundary',
      'DeleteRolePolicy',
      'DetachRolePolicy',
      'PutRolePermissionsBoundary',
      'PutRolePolicy',
      'UpdateAssumeRolePolicy',
    ],
    touches: ['cut'],
    guard: 'ours',
  },
  {
    service: 'logs.amazonaws.com',
    calls: [
      'DeleteLogGroup',
      'DeleteLogStream',
      'DeleteSubscriptionFilter',
      'PutAccountPolicy',
      'PutRetentionPolicy',
      'PutSubscriptionFilter',
    ],
    touches: [],
    guard: 'ours',
  },
  // Without a trail nothing of all this is told any more.
  {
    service: 'cloudtrail.amazonaws.com',
    calls: ['DeleteTrail', 'PutEventSelectors', 'StopLogging', 'UpdateTrail'],
    touches: [],
    guard: 'any',
  },
  {
    service: 'lambda.amazonaws.com',
    calls: [
      'AddPermission',
      'CreateEventSourceMapping',
      'DeleteEventSourceMapping',
      'DeleteFunction',
      'PutFunctionConcurrency',
      'PutFunctionEventInvokeConfig',
      'RemovePermission',
      'UpdateEventSourceMapping',
      'UpdateFunctionCode',
      'UpdateFunctionConfiguration',
      'UpdateFunctionEventInvokeConfig',
    ],
    touches: [],
    guard: 'ours',
  },
  {
    service: 'dynamodb.amazonaws.com',
    calls: [
      'DeleteResourcePolicy',
      'DeleteTable',
      'PutResourcePolicy',
      'RestoreTable',
      'UpdateContinuousBackups',
      'UpdateTable',
      'UpdateTimeToLive',
    ],
    touches: [],
    guard: 'ours',
  },
  {
    service: 'sqs.amazonaws.com',
    calls: ['AddPermission', 'DeleteQueue', 'PurgeQueue', 'RemovePermission', 'SetQueueAttributes'],
    touches: [],
    guard: 'ours',
  },
  {
    service: 'events.amazonaws.com',
    calls: ['DeleteRule', 'DisableRule', 'PutRule', 'PutTargets', 'RemoveTargets'],
    touches: [],
    guard: 'ours',
  },
  {
    service: 'monitoring.amazonaws.com',
    calls: ['DeleteAlarms', 'DisableAlarmActions', 'PutMetricAlarm', 'SetAlarmState'],
    touches: [],
    guard: 'ours',
  },
  {
    service: 's3.amazonaws.com',
    calls: ['DeleteBucket', 'PutBucketLifecycle', 'PutBucketNotification', 'PutBucketPolicy'],
    touches: [],
    guard: 'ours',
  },
  {
    service: 'cloudformation.amazonaws.com',
    calls: ['DeleteStack', 'ExecuteChangeSet', 'UpdateStack'],
    touches: [],
    guard: 'ours',
  },
]

/** What EC2 says of itself, without anybody's call. */
export const STATE_CHANGE = 'EC2 Instance State-change Notification'
export const STATES = ['running', 'stopped', 'terminated'] as const
export const SNAPSHOT = 'EBS Snapshot Notification'
export const SNAPSHOTS = 'EBS Multi-Volume Snapshots Completion Status'
/** Of one snapshot, and of a set; the same types tell of locks, copies and archives, too. */
export const SNAPSHOT_EVENTS = ['createSnapshot', 'createSnapshots'] as const

export const API_CALL = 'AWS API Call via CloudTrail'
