import type { Permission } from '../../core/ports.ts'
import { logObjectsPermissions } from './log-objects.ts'

/** What watch reads beside its subscriptions: names of buckets, ARNs of keys, queues and Kinesis streams. */
export interface LogInputs {
  readonly buckets: readonly string[]
  readonly keys: readonly string[]
  readonly queues: readonly string[]
  readonly streams: readonly string[]
}

export const NO_INPUTS: LogInputs = { buckets: [], keys: [], queues: [], streams: [] }

/** Of queues and streams what Lambda's pollers ask of the function's role (Lambda Developer Guide, "Execution role permissions"). */
export function logInputPermissions({ buckets, keys, queues, streams }: LogInputs): Permission[] {
  const polled = [
    {
      actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
      resources: [...queues],
    },
    {
      actions: [
        'kinesis:DescribeStream',
        'kinesis:DescribeStreamSummary',
        'kinesis:GetRecords',
        'kinesis:GetShardIterator',
        'kinesis:ListShards',
      ],
      resources: [...streams],
    },
  ]
  return [...logObjectsPermissions(buckets, keys), ...polled.filter(({ resources }) => resources.length > 0)]
}
