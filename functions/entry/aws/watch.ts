import { setTimeout as sleep } from 'node:timers/promises'
import middy from '@middy/core'
import type { Context, FirehoseTransformationResult, SQSBatchResponse } from 'aws-lambda'
import * as z from 'zod'
import { s3LogObjects } from '../../clouds/aws/log-objects.ts'
import { InputError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports.ts'
import { score } from '../../core/score.ts'
import { createWatch as watcher } from '../../core/watch.ts'
import { rules } from '../../rules/registry.ts'
import { openFirehose, openKinesis, openQueue } from '../../sources/envelopes/records.ts'
import { openSubscription } from '../../sources/envelopes/subscription.ts'
import type { Config, Environment } from '../config.ts'
import { warnOfAge } from '../indicator-age.ts'
import { awsAdapters, systemClock } from './adapters.ts'
import { createInputs } from './inputs.ts'
import { openMessage, openTopic } from './messages.ts'
import { NOTHING, sumOf, type Tally } from './pieces.ts'
import { type Shape, shapeOf } from './shapes.ts'

/** What one invocation came to, where nobody asks for another answer. */
interface Watched extends Tally {
  readonly kind: 'control' | 'judged' | 'rejected'
}

/** A queue and a stream are told what has to come again, Firehose is given its records back. */
export type Answer = Watched | SQSBatchResponse | FirehoseTransformationResult

/** Kept back before the platform's deadline, for what is being judged then and for the dead letters. */
const RESERVE_MS = 10_000

/**
 * The function behind whatever brings logs and findings. What it cannot read becomes a dead letter; what it cannot store is
 * delivered again.
 */
export function createWatch(environment: Environment, { clock = systemClock }: { readonly clock?: Clock } = {}) {
  const adapters = awsAdapters('watch', environment, clock)
  const { config, telemetry } = adapters
  warnOfAge(config, adapters)
  const pause = (milliseconds: number) => sleep(milliseconds)
  const watch = watcher(
    { ...adapters, pause },
    {
      firewalls: firewallsOf(config),
      exemptInstances: config.policy.exemptInstances,
      dnsCovered: config.dnsCovered,
      rules: config.rules,
    },
    { rules, score },
  )
  const inputs = createInputs({ ...adapters, objects: s3LogObjects(environment) }, config, watch)

  async function onShape(shape: Shape | undefined, event: unknown, signal: AbortSignal): Promise<Answer> {
    switch (shape) {
      case 'subscription': {
        const delivery = openSubscription(event)
        const tally = await inputs.onSubscription(delivery)
        return { kind: delivery.kind === 'control' ? 'control' : 'judged', ...tally }
      }
      case 'kinesis': {
        const { failures } = await inputs.onRecords('kinesis', openKinesis(event))
        return failed(failures.map(sequenceOf))
      }
      case 'queue': {
        const { failures } = await inputs.onMessages(openQueue(event, openMessage), signal)
        return failed(failures)
      }
      case 'firehose':
        await inputs.onPassing(openFirehose(event))
        return passedOn(event)
      case 'topic': {
        let tally = NOTHING
        for (const body of openTopic(event)) tally = sumOf(tally, await inputs.onMessage(openMessage(body), signal))
        return { kind: 'judged', ...tally }
      }
      case 'objects':
      case 'bus':
        return { kind: 'judged', ...(await inputs.onMessage(openMessage(event), signal)) }
      case undefined:
        throw new InputError('Cannot read event: it is neither a log delivery nor a notice that is known')
      default:
        return shape satisfies never
    }
  }

  return middy(async (event: unknown, context: Context): Promise<Answer> => {
    const shape = shapeOf(event)
    const left = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS)
    try {
      return await onShape(shape, event, AbortSignal.timeout(left))
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      const bytes = Buffer.from(JSON.stringify(event) ?? '')
      const letter = { source: shape ?? 'unknown', position: 'event', reason: thrown.message, bytes }
      const tally = await inputs.reject(letter)
      if (shape === 'firehose') return passedOn(event)
      return shape === 'queue' || shape === 'kinesis' ? failed([]) : { kind: 'rejected', ...tally }
    } finally {
      telemetry.flush()
    }
  }).use(telemetry.middleware)
}

function firewallsOf({ logGroups, buckets, streams }: Config): Record<string, string> {
  const given = [logGroups, buckets, streams].flatMap(Object.values<{ firewalls?: Record<string, string> | undefined }>)
  return Object.assign({}, ...given.map(({ firewalls }) => firewalls ?? {}))
}

function failed(ids: readonly string[]): SQSBatchResponse {
  return { batchItemFailures: ids.map(itemIdentifier => ({ itemIdentifier })) }
}

/** A stream's records are told apart by sequence number, which ends the event's id: `shardId-000000000006:4959…`. */
function sequenceOf(id: string): string {
  return id.slice(id.lastIndexOf(':') + 1)
}

const Passing = z.object({ records: z.array(z.object({ recordId: z.string(), data: z.string() })) })

/** Every record as it came: Firebreak looks on, and a record without an answer would count as failed. */
function passedOn(event: unknown): FirehoseTransformationResult {
  const { data } = Passing.safeParse(event)
  return { records: (data?.records ?? []).map(record => ({ ...record, result: 'Ok' as const })) }
}
