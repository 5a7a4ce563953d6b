import middy from '@middy/core'
import * as z from 'zod'
import { InputError } from '../../core/errors.ts'
import { type Answer, operate, Request } from '../../core/operate.ts'
import type { Clock } from '../../core/ports.ts'
import type { Environment } from '../config.ts'
import { awsAdapters, systemClock } from './adapters.ts'

/** The function that a person invokes. The answer says what was put into the lane, or why nothing was. */
export function createOperate(environment: Environment, { clock = systemClock }: { readonly clock?: Clock } = {}) {
  const adapters = awsAdapters('operate', environment, clock)
  const { config, log, telemetry } = adapters
  return middy(async (event: unknown): Promise<Answer> => {
    const request = Request.safeParse(event)
    if (!request.success) throw new InputError(`Cannot read request: ${z.prettifyError(request.error)}`)
    if (request.data.verb !== 'status') log.info('a person asked', request.data)
    return operate(adapters, config.policy, request.data)
  }).use(telemetry.middleware)
}
