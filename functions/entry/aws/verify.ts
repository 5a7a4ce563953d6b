import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import { fleetReader } from '../../clouds/aws/inventory.ts'
import { quarantinePreparer } from '../../clouds/aws/quarantine.ts'
import { readTraffic } from '../../core/traffic.ts'
import { type Verified, verify } from '../../core/verify.ts'
import type { Environment } from '../config.ts'
import { awsAdapters, systemClock } from './adapters.ts'
import { awsResponding, type RespondOptions } from './responding.ts'

/** Kept back before the platform's deadline. */
const RESERVE_MS = 5000

/** The function behind the schedule. What started it says nothing that it would need. */
export function createVerify(
  environment: Environment,
  { clock = systemClock, steps = all => all }: RespondOptions = {},
) {
  const adapters = awsAdapters('verify', environment, clock)
  const { config, ledger, telemetry } = adapters
  const { ec2, ports } = awsResponding(adapters, environment)
  const verifying = {
    ...ports,
    steps: steps(ports.steps),
    readFleet: fleetReader(ec2, clock, config.account, environment['AWS_REGION'] ?? ''),
    prepareQuarantine: quarantinePreparer(ec2),
    readTraffic: (instance: string) => readTraffic(ledger, instance),
  }
  return middy(async (_event: unknown, context: Context): Promise<Verified> => {
    try {
      const left = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS)
      return await verify(verifying, config, AbortSignal.timeout(left))
    } finally {
      telemetry.flush()
    }
  }).use(telemetry.middleware)
}
