import type { LogObjects } from '../../clouds/aws/log-objects.ts'
import type { Delivery } from '../../core/delivery.ts'
import { InputError, quoted } from '../../core/errors.ts'
import type { Log, Metrics } from '../../core/ports.ts'
import { decompressed } from '../../sources/envelopes/decompress.ts'
import { type LogObject, logObjectOf, type ObjectNotice, ofObject } from '../../sources/envelopes/objects.ts'
import type { Decoder } from './decoders.ts'
import { inPieces, NOTHING, type Tally } from './pieces.ts'

interface ObjectPorts {
  readonly objects: LogObjects
  readonly log: Log
  readonly metrics: Metrics
  readonly judge: (delivery: Delivery) => Promise<Tally>
}

interface ObjectSettings {
  readonly account: string
  readonly buckets: ReadonlyMap<string, ReadonlyMap<string, Decoder>>
}

/** AWS ends a flow log's file at 75 MB (Amazon VPC User Guide, "Flow log files"). */
const MAX_BYTES = 128 * 1024 * 1024
/** Logs shrink to a tenth or less; a bomb to a thousandth. */
const MAX_OPENED = 2 * 1024 * 1024 * 1024

/**
 * Reads the object that a notice tells of and judges it piece by piece. Objects that are no logs are counted and passed over.
 * @throws InputError for one that no later try can read; RetryableError where it was not judged to its end.
 */
export function createObjectWatch(ports: ObjectPorts, { account, buckets }: ObjectSettings) {
  const { objects, log, metrics, judge } = ports

  /** The decoder of the object, or `undefined` for one that is none of the logs that the bucket is configured for. */
  function decoderOf({ bucket, key, size }: ObjectNotice, object: LogObject | undefined): Decoder | undefined {
    const held = buckets.get(bucket)
    if (!held) throw new InputError(`Cannot read log object: bucket ${quoted(bucket)} is not configured`)
    if (object?.account !== undefined && object.account !== account)
      throw new InputError(`Cannot read log object: ${quoted(key)} is of account "${object.account}", not ${account}`)
    if (!object || size === 0) return undefined
    if (object.source !== undefined) return held.get(object.source)
    // A key of somebody's own: only where the bucket holds the logs of one source it is known whose they are.
    const [only, ...others] = held.values()
    return others.length === 0 ? only : undefined
  }

  return async (notice: ObjectNotice, signal: AbortSignal): Promise<Tally> => {
    const { bucket, key } = notice
    const object = logObjectOf(key)
    const decoder = decoderOf(notice, object)
    if (!object || !decoder) {
      log.info('object is no log that is read', { bucket, key: key.slice(0, 256) })
      metrics.count('ObjectsSkipped')
      return NOTHING
    }
    const what = `log object ${quoted(`s3://${bucket}/${key}`)}`
    const pieces = inPieces(decoder.source, `s3://${bucket}/${key}`, judge)
    const sink = ofObject(object, pieces.sink)
    async function relieve(): Promise<void> {
      await pieces.relieve()
      signal.throwIfAborted()
    }
    try {
      if (object.encoding === 'parquet') {
        if (!decoder.parquet) throw new InputError(`Cannot read ${what}: ${decoder.source} never comes as Parquet`)
        await decoder.parquet(await objects.ranges(notice, MAX_BYTES, signal), sink, { relieve })
      } else {
        const lines = decoder.lines(sink)
        const chunks = objects.read(notice, MAX_BYTES, signal)
        for await (const chunk of decompressed(chunks, object.encoding, MAX_OPENED, what)) {
          lines.push(chunk)
          await relieve()
        }
        lines.end()
      }
    } catch (thrown) {
      // What stands before the damage is as good as any.
      if (thrown instanceof InputError) await pieces.end()
      throw thrown
    }
    const tally = await pieces.end()
    metrics.count('ObjectsRead')
    return tally
  }
}
