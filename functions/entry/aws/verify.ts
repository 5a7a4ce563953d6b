import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { fleetReader } from '../../clouds/aws/inventory.ts'
import { quarantinePreparer } from '../../clouds/aws/quarantine.ts'
import { transitPreparer } from '../../clouds/aws/transit.ts'
import { InputError } from '../../core/errors.ts'
import { heed } from '../../core/heed.ts'
import { readTraffic } from '../../core/traffic.ts'
import { type Verified, verify } from '../../core/verify.ts'
import type { Environment } from '../config.ts'
import { awsAdapters, systemClock } from './adapters.ts'
import { changeSettings, startedBy } from './changes.ts'
import { awsResponding, type RespondOptions } from './responding.ts'

/** Kept back before the platform's deadline. */
const RESERVE_MS = 5000

const NOTHING: Verified = { inScope: 0, networks: 0, incidents: [], failures: [] }

/** The function behind the schedule and the events that tell of changes. */
export function createVerify(
  environment: Environment,
  { clock = systemClock, steps = all => all }: RespondOptions = {},
) {
  const adapters = awsAdapters('verify', environment, clock)
  const { config, ledger, telemetry, log, metrics } = adapters
  const { ec2, ports } = awsResponding(adapters, environment)
  const verifying = {
    ...ports,
    steps: steps(ports.steps),
    readFleet: fleetReader(ec2, clock, config.account, environment['AWS_REGION'] ?? ''),
    prepareQuarantine: quarantinePreparer(ec2),
    ...(config.escalation.transitSeconds > 0 ? { prepareTransit: transitPreparer(ec2) } : {}),
    readTraffic: (instance: string) => readTraffic(ledger, instance),
  }
  const settings = { ...config, escalateAfterMs: config.escalation.afterMinutes * 60_000 }
  const changes = changeSettings(config)

  async function onEvent(event: unknown, signal: AbortSignal): Promise<Verified> {
    let started: ReturnType<typeof startedBy>
    try {
      started = startedBy(event, changes, config.account)
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      // It will be no better when it comes again, and the schedule looks at everything.
      metrics.count('ChangeUnread')
      log.warn('event tells of no change that can be read', { reason: thrown.message })
      return NOTHING
    }
    return started === 'schedule' ? verify(verifying, settings, signal) : heed(verifying, settings, started, signal)
  }

  return middy(async (event: unknown, context: Context): Promise<Verified> => {
    try {
      const left = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS)
      return await onEvent(event, AbortSignal.timeout(left))
    } finally {
      telemetry.flush()
    }
  }).use(telemetry.middleware)
}
