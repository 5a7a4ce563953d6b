import * as z from 'zod'
import { InputError } from '../core/errors.ts'
import { type Answer, operate, Request } from '../core/operate.ts'
import { awsAdapters, systemClock } from '../entry/aws/adapters.ts'
import { haltSaid } from './halt.ts'
import type { Output } from './output.ts'

interface Options {
  readonly instance?: string
  readonly incident?: string
  readonly by?: string
  readonly json?: boolean
}

/** Asks as the operate function does, over the same ledger and the same lane, with the caller's own permissions. */
export async function ask(verb: string, { json, ...options }: Options, output: Output): Promise<void> {
  const asked =
    verb === 'status'
      ? { verb, instance: options.instance }
      : verb === 'drill'
        ? { verb, instance: options.instance, by: options.by }
        : { verb, ...options }
  const request = Request.safeParse(
    Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)),
  )
  if (!request.success)
    throw new InputError(`Cannot ask for ${JSON.stringify(verb)}: ${z.prettifyError(request.error)}`)
  const adapters = awsAdapters('operate', { POWERTOOLS_LOG_LEVEL: 'SILENT', ...process.env }, systemClock)
  try {
    const answer = await operate(adapters, adapters.config.policy, request.data)
    output.out(json ? `${JSON.stringify(answer)}\n` : said(answer))
  } finally {
    adapters.close()
  }
}

function said(answer: Answer): string {
  if ('queued' in answer) return `${answer.queued} of ${answer.instance} is in its lane (${answer.id})\n`
  const halt = answer.halt ? haltSaid(answer.halt) : ''
  if (!('incidents' in answer)) return halt
  if (answer.incidents.length === 0) return `${halt}No incident\n`
  const told = answer.incidents
    .map(({ incident, brokenAt }) => {
      const chain = brokenAt === undefined ? 'journal intact' : `JOURNAL BROKEN at entry ${brokenAt}`
      const closed = incident.closedAt === undefined ? 'open' : 'closed'
      return `${incident.id}  ${incident.instance}  ${closed}  ${incident.verdict}  ${incident.cut.state}  ${chain}\n${incident.cut.reasons.map(reason => `    ${reason}\n`).join('')}`
    })
    .join('')
  return halt + told
}
