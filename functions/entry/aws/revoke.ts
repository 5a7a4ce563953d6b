import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import * as z from 'zod'
import { ec2Clients } from '../../clouds/aws/ec2.ts'
import { type RevokeAnswer, RevokeRequest } from '../../clouds/aws/revocation.ts'
import { iamClient, revoker } from '../../clouds/aws/revoker.ts'
import { InputError } from '../../core/errors.ts'
import { type Environment, readConfig } from '../config.ts'
import { createTelemetry } from '../telemetry.ts'

/** Kept back before the platform's deadline. */
const RESERVE_MS = 2000

/** The one function that may write in IAM, invoked by respond, and by verify for a check. It knows neither ledger nor queue. */
export function createRevoke(environment: Environment) {
  const { account, credentials } = readConfig(environment)
  const { log, middleware } = createTelemetry('revoke', environment)
  const where = { account, region: environment['AWS_REGION'] ?? '' }
  const carryOut = revoker(iamClient(environment), ec2Clients(environment), where, credentials)
  return middy(async (event: unknown, context: Context): Promise<RevokeAnswer> => {
    const request = RevokeRequest.safeParse(event)
    if (!request.success) throw new InputError(`Cannot read request: ${z.prettifyError(request.error)}`)
    const { verb, incident, instance } = request.data
    const left = Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS)
    const answer = await carryOut(request.data, AbortSignal.timeout(left))
    if (verb === 'revoke' || verb === 'restore')
      log.info('credentials changed', { verb, incident, instance, roles: answer.roles })
    return answer
  }).use(middleware)
}
