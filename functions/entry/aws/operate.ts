import middy from '@middy/core'
import type { Context } from 'aws-lambda'
import * as z from 'zod'
import { identify, Proof } from '../../clouds/aws/caller.ts'
import { ALIASES, aliasOf, qualifierOf } from '../../clouds/aws/operating.ts'
import { InputError, quoted } from '../../core/errors.ts'
import type { Incident } from '../../core/incident.ts'
import { type Answer, operate, Request } from '../../core/operate.ts'
import type { Clock } from '../../core/ports.ts'
import type { Environment } from '../config.ts'
import { awsAdapters, systemClock } from './adapters.ts'

/** Who asks: proven by a signature, or as somebody says. */
const Signed = z.looseObject({ caller: Proof.optional(), by: z.string().optional() })

/** The function that a person invokes. The answer says what was put into the lane, or why nothing was. */
export function createOperate(environment: Environment, { clock = systemClock }: { readonly clock?: Clock } = {}) {
  const adapters = awsAdapters('operate', environment, clock)
  const { config, log, telemetry } = adapters
  const { account } = config
  const ports = {
    ...adapters,
    account,
    undo: async (incident: Incident) => (await import('./undoing.ts')).undoCommands(adapters, environment)(incident),
  }

  return middy(async (event: unknown, context: Context): Promise<Answer> => {
    const request = Request.safeParse(await named(environment, event))
    if (!request.success) throw new InputError(`Cannot read request: ${z.prettifyError(request.error)}`)
    refuseElsewhere(request.data.verb, context.invokedFunctionArn)
    if (aliasOf(request.data.verb) !== 'look') log.info('a person asked', request.data)
    return operate(ports, config.policy, request.data)
  }).use(telemetry.middleware)
}

/** The request with the name of whoever asks. Only a proven one is an ARN: a name that is merely said has no colon. */
async function named(environment: Environment, event: unknown): Promise<unknown> {
  const read = Signed.safeParse(event)
  if (!read.success) throw new InputError(`Cannot read request: ${z.prettifyError(read.error)}`)
  const { caller, ...asked } = read.data
  if (caller === undefined) {
    if (asked.by?.includes(':'))
      throw new InputError(
        `Cannot take ${quoted(asked.by)} for a name: with a colon it looks like what a signature proves`,
      )
    return asked
  }
  if (asked.by !== undefined) throw new InputError('Cannot tell who asks: there is both a signature and a name')
  return { ...asked, by: await identify(environment, caller, asked) }
}

/** Whoever may invoke one alias may do what it is for and nothing else. The function by its name alone takes every request. */
function refuseElsewhere(verb: Request['verb'], invokedFunctionArn: string): void {
  const qualifier = qualifierOf(invokedFunctionArn)
  if (qualifier !== undefined && qualifier !== aliasOf(verb))
    throw new InputError(
      `Cannot ${verb} through ${quoted(qualifier)}: it goes through ${quoted(aliasOf(verb))}, of ${ALIASES.join(', ')}`,
    )
}
