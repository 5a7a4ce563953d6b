import type { LogInputs } from '../../functions/clouds/aws/log-inputs.ts'
import { arnOf, logicalId, pseudo, type Resource, type Resources, ref, sub, type Value } from './cloudformation.ts'
import { functionId } from './functions.ts'
import type { FINDINGS, Settings } from './settings.ts'

type Given = Pick<Settings, 'deployment' | 'config'>

/** The rule of the bus for each kind of finding: what functions/sources/ takes, as its service sends it. */
export const PATTERNS: Readonly<
  Record<(typeof FINDINGS)[number], { readonly source: readonly string[]; readonly 'detail-type': readonly string[] }>
> = {
  guardduty: { source: ['aws.guardduty'], 'detail-type': ['GuardDuty Finding'] },
  'security-hub': { source: ['aws.securityhub'], 'detail-type': ['Security Hub Findings - Imported'] },
  'dns-firewall': { source: ['aws.route53resolver'], 'detail-type': ['DNS Firewall Block', 'DNS Firewall Alert'] },
  alarms: { source: ['aws.cloudwatch'], 'detail-type': ['CloudWatch Alarm State Change'] },
}

const watch = arnOf(functionId('watch'))

/** What watch's role has to read for what is configured. */
export function inputsOf({ deployment: { objects }, config }: Given): LogInputs {
  return {
    buckets: Object.keys(config.buckets).toSorted(),
    keys: objects.keys,
    queues: objects.queues,
    streams: kinesisStreams(config).toSorted(),
  }
}

/** What brings objects, streams and findings to watch. Nothing that was not asked for. */
export function notices({ deployment: { objects, findings }, config }: Given): Resources {
  const buckets = Object.keys(config.buckets).toSorted()
  return {
    ...each(objects.queues, arn => ({ [`Poll${logicalId(arn)}`]: polled(arn, QUEUE) })),
    ...each(kinesisStreams(config), arn => ({ [`Poll${logicalId(arn)}`]: polled(arn, STREAM) })),
    ...each(objects.topics, topic),
    ...each(objects.direct ? buckets : [], bucket => ({
      [`Notify${logicalId(bucket)}`]: permission('s3.amazonaws.com', {
        SourceArn: sub(`arn:${pseudo('Partition')}:s3:::${bucket}`),
        SourceAccount: ref('AWS::AccountId'),
      }),
    })),
    ...(objects.bus
      ? rule('Objects', {
          source: ['aws.s3'],
          'detail-type': ['Object Created'],
          detail: { bucket: { name: buckets } },
        })
      : {}),
    ...each(findings, name => rule(logicalId(name), { ...PATTERNS[name] })),
  }
}

/** Firehose invokes watch with a role of its own. */
function kinesisStreams({ streams }: Given['config']): string[] {
  return Object.keys(streams).filter(arn => arn.split(':')[2] === 'kinesis')
}

function each<T>(names: readonly T[], of: (name: T) => Resources): Resources {
  return Object.assign({}, ...names.map(of))
}

/** One message at a time: each may name an object that takes minutes, and one that was not begun would count as tried. */
const QUEUE = { BatchSize: 1 }

/** What fails so often that its time is over goes to the dead letters, by its place in the stream. */
const STREAM = {
  BatchSize: 500,
  StartingPosition: 'LATEST',
  BisectBatchOnFunctionError: true,
  MaximumRetryAttempts: 20,
  DestinationConfig: { OnFailure: { Destination: arnOf('DeadLettersQueue') } },
}

function polled(arn: string, how: Readonly<Record<string, Value>>): Resource {
  return {
    Type: 'AWS::Lambda::EventSourceMapping',
    // The poller tries the role when it is made.
    DependsOn: ['WatchRole'],
    Properties: {
      EventSourceArn: arn,
      FunctionName: watch,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ...how,
    },
  }
}

function topic(arn: string): Resources {
  const id = logicalId(arn)
  return {
    [`Notify${id}`]: permission('sns.amazonaws.com', { SourceArn: arn }),
    [`Hear${id}`]: {
      Type: 'AWS::SNS::Subscription',
      DependsOn: [`Notify${id}`],
      Properties: { TopicArn: arn, Protocol: 'lambda', Endpoint: watch },
    },
  }
}

function rule(id: string, pattern: Readonly<Record<string, Value>>): Resources {
  return {
    [`Rule${id}`]: {
      Type: 'AWS::Events::Rule',
      Properties: { EventPattern: pattern, Targets: [{ Id: 'watch', Arn: watch }] },
    },
    [`Notify${id}`]: permission('events.amazonaws.com', { SourceArn: arnOf(`Rule${id}`) }),
  }
}

function permission(principal: string, source: Readonly<Record<string, Value>>): Resource {
  return {
    Type: 'AWS::Lambda::Permission',
    Properties: { Action: 'lambda:InvokeFunction', FunctionName: watch, Principal: principal, ...source },
  }
}
