import * as z from 'zod'
import { InputError } from '../core/errors.ts'
import { listIncidents, loadIncident } from '../core/incident-store.ts'
import { type Answer, operate, Request } from '../core/operate.ts'
import type { Ledger } from '../core/ports.ts'
import { awsAdapters, systemClock } from '../entry/aws/adapters.ts'
import { haltSaid } from './halt.ts'
import type { Output } from './output.ts'
import { awaitRelease, refusedSaid, saidOf } from './release.ts'

interface Options {
  readonly instance?: string
  readonly incident?: string
  readonly by?: string
  readonly reason?: string
  readonly force: readonly string[]
  /** Seconds. */
  readonly wait: number
  readonly json?: boolean
}

/**
 * Asks as the operate function does, over the same ledger and the same lane, with the caller's own permissions. `id` is an
 * instance or an incident. Returns false where what was asked for did not come about.
 */
export async function ask(
  verb: string,
  id: string | undefined,
  { json, wait, ...options }: Options,
  output: Output,
): Promise<boolean> {
  const adapters = awsAdapters('operate', { POWERTOOLS_LOG_LEVEL: 'SILENT', ...process.env }, systemClock)
  try {
    const named = id === undefined ? options : { ...options, ...(await nameOf(adapters.ledger, id, options)) }
    const request = requestOf(verb, named)
    const before = request.verb === 'release' ? await loadIncident(adapters.ledger, request.instance) : undefined
    const answer = await operate(adapters, adapters.config.policy, request)
    if (!('queued' in answer && answer.queued === 'release' && wait > 0)) {
      output.out(json ? `${JSON.stringify(answer)}\n` : said(answer))
      return true
    }
    const { instance, id: incident } = answer
    const after = before?.incident.journal.sequence ?? 0
    const released = await awaitRelease(adapters.ledger, { instance, incident, after }, wait)
    output.out(json ? `${JSON.stringify({ ...answer, ...released })}\n` : saidOf(instance, incident, released))
    return released.outcome === 'released'
  } finally {
    adapters.close()
  }
}

/** The instance that an incident is about, and the incident that was meant. */
async function nameOf(ledger: Ledger, id: string, { instance, incident }: Omit<Options, 'wait' | 'json'>) {
  if (instance !== undefined || incident !== undefined)
    throw new InputError(`Cannot ask about "${id}": --instance or --incident names what it is about already`)
  if (!id.startsWith('fb-')) return { instance: id }
  const { held } = await listIncidents(ledger)
  const found = held.find(one => one.incident.id === id)
  if (!found) throw new InputError(`Cannot ask about "${id}": it is no instance's newest incident`)
  return { instance: found.incident.instance, incident: id }
}

function requestOf(verb: string, { instance, incident, by, reason, force }: Omit<Options, 'wait' | 'json'>): Request {
  if (force.length > 0 && verb !== 'release')
    throw new InputError(`Cannot force a step of ${JSON.stringify(verb)}: only a release goes over a change`)
  if (reason !== undefined && verb !== 'halt' && verb !== 'resume')
    throw new InputError(`Cannot give a reason for ${JSON.stringify(verb)}: only a halt or its end has one`)
  const asked =
    verb === 'status'
      ? { verb, instance }
      : verb === 'drill'
        ? { verb, instance, by }
        : verb === 'halt' || verb === 'resume'
          ? { verb, instance, incident, by, reason }
          : { verb, instance, incident, by, ...(force.length > 0 ? { force } : {}) }
  const request = Request.safeParse(
    Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)),
  )
  if (!request.success)
    throw new InputError(`Cannot ask for ${JSON.stringify(verb)}: ${z.prettifyError(request.error)}`)
  return request.data
}

function said(answer: Answer): string {
  if ('queued' in answer) return `${answer.queued} of ${answer.instance} is in its lane (${answer.id})\n`
  const halt = answer.halt ? haltSaid(answer.halt) : ''
  if (!('incidents' in answer)) return halt
  if (answer.incidents.length === 0) return `${halt}No incident\n`
  const told = answer.incidents.map(({ incident, brokenAt }) => {
    const chain = brokenAt === undefined ? 'journal intact' : `JOURNAL BROKEN at entry ${brokenAt}`
    const closed = incident.closedAt === undefined ? 'open' : 'closed'
    const { id, instance, verdict, cut } = incident
    return [
      `${id}  ${instance}  ${closed}  ${verdict}  ${cut.state}  ${chain}`,
      ...cut.reasons.map(reason => `    ${reason}`),
      ...refusedSaid(incident).map(line => `    ${line}`),
      '',
    ].join('\n')
  })
  return halt + told.join('')
}
