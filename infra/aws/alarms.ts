import type { FunctionName } from '../../functions/clouds/aws/permissions.ts'
import { attribute, type Resource, type Resources, type Value } from './cloudformation.ts'
import { functionName } from './functions.ts'
import type { Deployment } from './settings.ts'

type Metric = Readonly<Record<'Namespace' | 'MetricName' | 'Statistic' | 'Dimensions', Value>>

/** Whatever would otherwise fail in silence. Each tells the topic when it begins and when it is over. */
export function alarms({ alarmTopic }: Deployment): Resources {
  const actions = alarmTopic === undefined ? {} : { AlarmActions: [alarmTopic], OKActions: [alarmTopic] }
  const alarm = (name: string, description: string, metric: Metric, when: Record<string, Value> = ONCE): Resource => ({
    Type: 'AWS::CloudWatch::Alarm',
    Properties: {
      AlarmName: `firebreak-${name}`,
      AlarmDescription: description,
      ...metric,
      ...when,
      ...actions,
    },
  })
  return {
    DeadLettersAlarm: alarm(
      'dead-letters',
      'Something arrived that could not be decoded, so it was not judged',
      ofQueue('DeadLettersQueue', 'ApproximateNumberOfMessagesVisible'),
    ),
    UndeliveredOrdersAlarm: alarm(
      'undelivered-orders',
      'An order failed at every try',
      ofQueue('UndeliveredOrdersQueue', 'ApproximateNumberOfMessagesVisible'),
    ),
    OldestOrderAlarm: alarm(
      'oldest-order',
      'An order has waited for five minutes: an instance may stand uncut',
      ofQueue('OrdersQueue', 'ApproximateAgeOfOldestMessage'),
      { ...ONCE, Threshold: 300 },
    ),
    WatchErrorsAlarm: alarm('watch-errors', 'watch ended with an error; the delivery is made again', errorsOf('watch')),
    // A delivery that is larger than a dead letter may be stays in its log group, and in no queue.
    WatchUnkeptAlarm: alarm(
      'watch-unkept',
      'A delivery that watch could not take was not kept as a dead letter either: replay the log group',
      ofFunction('watch', 'DestinationDeliveryFailures'),
    ),
    OrderFailedAlarm: alarm(
      'order-failed',
      'respond could not handle an order three times within a quarter of an hour; it is delivered again, and its log says why',
      countedBy('respond', 'OrderFailed'),
      { ...ONCE, Period: 900, Threshold: 3 },
    ),
    RespondErrorsAlarm: alarm('respond-errors', 'respond ended with an error or out of time', errorsOf('respond')),
    VerifyErrorsAlarm: alarm('verify-errors', 'verify ended with an error or out of time', errorsOf('verify')),
    VerifyFailedAlarm: alarm(
      'verify-failed',
      'verify could not look at an incident, a network or the inventory; its log says at which',
      countedBy('verify', 'VerifyFailed'),
    ),
    VerifySilentAlarm: alarm(
      'verify-silent',
      'verify has not run for a quarter of an hour: no inventory, no quarantine group, no proof',
      // Changes start it as well: only a whole run says that the schedule does.
      countedBy('verify', 'VerifyRan'),
      NEVER_FOR_15_MINUTES,
    ),
    CutNotProvenAlarm: alarm(
      'cut-not-proven',
      'A cut has stayed unproven for twenty minutes, longer than a flow log takes to show it; the ticket says why',
      countedBy('verify', 'CutNotProven'),
      FOR_20_MINUTES,
    ),
    GuardChangedAlarm: alarm(
      'guard-changed',
      "Somebody changed, or tried to change, Firebreak itself, a quarantine group, or a log that it reads; verify's log says who and what",
      countedBy('verify', 'GuardChanged'),
    ),
    ScopeTagChangedAlarm: alarm(
      'scope-tag-changed',
      "Somebody changed a tag that decides whether an instance may be cut; verify's log says who and which",
      countedBy('verify', 'ScopeTagChanged'),
    ),
  }
}

const ONCE = {
  Period: 60,
  EvaluationPeriods: 1,
  Threshold: 1,
  ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  TreatMissingData: 'notBreaching',
}

const FOR_20_MINUTES = { ...ONCE, Period: 300, EvaluationPeriods: 4 }

const NEVER_FOR_15_MINUTES = {
  Period: 300,
  EvaluationPeriods: 3,
  Threshold: 1,
  ComparisonOperator: 'LessThanThreshold',
  TreatMissingData: 'breaching',
}

function ofQueue(id: string, metric: string): Metric {
  return {
    Namespace: 'AWS/SQS',
    MetricName: metric,
    Statistic: 'Maximum',
    Dimensions: [{ Name: 'QueueName', Value: attribute(id, 'QueueName') }],
  }
}

function ofFunction(name: FunctionName, metric: string): Metric {
  return {
    Namespace: 'AWS/Lambda',
    MetricName: metric,
    Statistic: 'Sum',
    Dimensions: [{ Name: 'FunctionName', Value: functionName(name) }],
  }
}

const errorsOf = (name: FunctionName) => ofFunction(name, 'Errors')

/** Namespace and dimension as functions/entry/telemetry.ts sets them. */
function countedBy(name: FunctionName, metric: string): Metric {
  return {
    Namespace: 'Firebreak',
    MetricName: metric,
    Statistic: 'Sum',
    Dimensions: [{ Name: 'service', Value: name }],
  }
}
