/**
 * How something came to watch: a log subscription, a Kinesis stream, a Firehose transformation, messages of a queue or a
 * topic, S3's own notice, or an event of the bus.
 */
export type Shape = 'subscription' | 'kinesis' | 'firehose' | 'queue' | 'topic' | 'objects' | 'bus'

/** As the records of Lambda's event sources name where they are from. */
const ORIGINS: Readonly<Record<string, Shape>> = {
  'aws:kinesis': 'kinesis',
  'aws:sqs': 'queue',
  'aws:sns': 'topic',
  'aws:s3': 'objects',
}

/** Told from the outermost members alone: whether it is sound is for its envelope to say. */
export function shapeOf(event: unknown): Shape | undefined {
  if (typeof event !== 'object' || event === null) return undefined
  if ('awslogs' in event) return 'subscription'
  if ('deliveryStreamArn' in event) return 'firehose'
  if ('detail-type' in event) return 'bus'
  // What S3 sends once a notification is set up: `{"Service":"Amazon S3","Event":"s3:TestEvent",…}`.
  if ('Service' in event && 'Event' in event) return 'objects'
  if (!('Records' in event) || !Array.isArray(event.Records)) return undefined
  const origin = originOf(event.Records[0])
  return origin !== undefined && Object.hasOwn(ORIGINS, origin) ? ORIGINS[origin] : undefined
}

/** SNS alone writes the name with a capital. */
function originOf(record: unknown): string | undefined {
  if (typeof record !== 'object' || record === null) return undefined
  if ('eventSource' in record && typeof record.eventSource === 'string') return record.eventSource
  return 'EventSource' in record && typeof record.EventSource === 'string' ? record.EventSource : undefined
}
