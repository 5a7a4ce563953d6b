import { setTimeout as sleep } from 'node:timers/promises'
import middy from '@middy/core'
import { collecting } from '../../core/delivery.ts'
import { InputError } from '../../core/errors.ts'
import type { Clock } from '../../core/ports.ts'
import { score } from '../../core/score.ts'
import type { DecodeEvents, LogBatch } from '../../core/source.ts'
import { createWatch as watcher } from '../../core/watch.ts'
import { rules } from '../../rules/registry.ts'
import { openSubscription } from '../../sources/envelopes/subscription.ts'
import { sources } from '../../sources/registry.ts'
import type { Config, Environment } from '../config.ts'
import { awsAdapters, systemClock } from './adapters.ts'

/** What one invocation came to. */
export interface Watched {
  readonly kind: 'control' | 'judged' | 'rejected'
  readonly flows: number
  readonly rejected: number
  readonly findings: number
}

const NOTHING = { flows: 0, rejected: 0, findings: 0 }

/** The function behind the log subscriptions. What it cannot read becomes a dead letter; what it cannot store is delivered again. */
export function createWatch(environment: Environment, { clock = systemClock }: { readonly clock?: Clock } = {}) {
  const adapters = awsAdapters('watch', environment, clock)
  const { config, deadLetters, log, metrics, telemetry } = adapters
  const decoders = openSources(config)
  const pause = (milliseconds: number) => sleep(milliseconds)
  const watch = watcher(
    { ...adapters, pause },
    {
      firewalls: Object.assign({}, ...Object.values(config.logGroups).map(({ firewalls }) => firewalls ?? {})),
      exemptInstances: config.policy.exemptInstances,
      dnsCovered: config.dnsCovered,
      rules: config.rules,
    },
    { rules, score },
  )

  /** The batch with the decoder of its group, or why there is none. */
  function admit(batch: LogBatch): { readonly source: string; readonly decode: DecodeEvents } {
    if (batch.owner !== config.account)
      throw new InputError(`Cannot read log subscription: it is of account "${batch.owner}", not ${config.account}`)
    const decoder = decoders.get(batch.group)
    if (!decoder) throw new InputError(`Cannot read log subscription: log group "${batch.group}" is not configured`)
    return decoder
  }

  async function onPayload(event: unknown): Promise<Watched> {
    const payload = openSubscription(event)
    if (payload.kind === 'control') return { kind: 'control', ...NOTHING }
    const { source, decode } = admit(payload)
    const { sink, delivery } = collecting(source, `${payload.group} ${payload.stream}`)
    for (const rejected of payload.rejected) sink.reject(rejected)
    decode(payload, sink)
    const { flows, rejected, findings } = await watch(delivery())
    for (const { id, instance, decision, score: points } of findings)
      log.info('finding', { finding: id, instance, decision, score: points })
    return { kind: 'judged', flows, rejected, findings: findings.length }
  }

  return middy(async (event: unknown): Promise<Watched> => {
    try {
      return await onPayload(event)
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      // It will be no better when it comes again: one letter, and the function goes on.
      log.warn('delivery rejected', { reason: thrown.message })
      metrics.count('DeliveryRejected')
      const bytes = Buffer.from(JSON.stringify(event) ?? '')
      await deadLetters.put([{ source: 'subscription', position: 'payload', reason: thrown.message, bytes }])
      return { kind: 'rejected', ...NOTHING, rejected: 1 }
    } finally {
      telemetry.flush()
    }
  }).use(telemetry.middleware)
}

/** Compiles every configured format once. Throws `ConfigurationError` for one that cannot work. */
function openSources(config: Config) {
  return new Map(
    Object.entries(config.logGroups).flatMap(([group, { source, fields }]) => {
      const known = sources[source]
      return known ? [[group, { source, decode: known.open({ fields }) }] as const] : []
    }),
  )
}
