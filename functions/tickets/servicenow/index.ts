import * as z from 'zod'
import type { Ticket, TicketTarget } from '../../core/ports.ts'
import { type Desk, file } from '../http/filing.ts'
import { openSession, type Session, type Tracker } from '../http/session.ts'
import { titleWithin } from '../http/title.ts'
import type { ServicenowSettings } from './settings.ts'

/** Of a task as it is delivered: a short description of 160 characters, a description of 4,000, a correlation id of 100. */
const MAX_SHORT = 160
const MAX_DESCRIPTION = 4000
const MAX_CORRELATION = 100

/** Urgency and impact alike: 1 high, 2 medium, 3 low. A person's later triage is left alone. */
const URGENCIES = { 1: '3', 2: '3', 3: '2', 4: '2', 5: '1' } as const satisfies Record<Ticket['severity'], string>

const Row = z.object({
  sys_id: z.string().regex(/^[0-9a-f]{32}$/),
  number: z.string().regex(/^[\w-]{1,40}$/),
})
const One = z.object({ result: Row })
const Several = z.object({ result: z.array(Row).max(100) })

/**
 * A record through ServiceNow's Table API (https://www.servicenow.com/docs/r/api-reference/rest-apis/c_TableAPI.html). Its
 * `correlation_id` names the incident. The reference is the number and the `sys_id`.
 */
export function servicenow(settings: ServicenowSettings): TicketTarget {
  const { user, password } = settings
  const basic = Buffer.from(`${user}:${password}`).toString('base64')
  const tracker: Tracker = {
    name: 'ServiceNow',
    url: settings.url,
    settings,
    secrets: [password, basic],
    headers: () => ({ Accept: 'application/json', Authorization: `Basic ${basic}` }),
  }
  return {
    id: settings.name ?? 'servicenow',
    put(ticket, reference, signal, attempt = 1) {
      const session = openSession(tracker, ticket.key, signal)
      const closing = ticket.state === 'restored'
      const manner = { closing, retries: settings.retries, retried: attempt > 1 }
      return file(deskOf(settings, session, ticket, closing), session, reference, manner)
    },
  }
}

function deskOf(settings: ServicenowSettings, session: Session, ticket: Ticket, closing: boolean): Desk {
  const path = `/api/now/table/${settings.table}`
  const fields = { sysparm_fields: 'sys_id,number' }
  // `^` parts the conditions of a query.
  const correlation = ticket.key.replaceAll(/[^\w-]/g, '_').slice(0, MAX_CORRELATION)
  const content = {
    short_description: titleWithin(ticket.title, MAX_SHORT),
    description: ticket.body('text', MAX_DESCRIPTION),
  }
  return {
    async find() {
      const query = {
        ...fields,
        sysparm_query: `correlation_id=${correlation}^ORDERBYsys_created_on`,
        sysparm_limit: '20',
      }
      const { result } = await session.json(Several, { method: 'get', path, query, repeatable: true })
      return result.map(referenceOf)
    },
    async create() {
      const urgency = URGENCIES[ticket.severity]
      const json = {
        ...content,
        correlation_id: correlation,
        correlation_display: 'Firebreak',
        urgency,
        impact: urgency,
      }
      const { result } = await session.json(One, { method: 'post', path, query: fields, json, repeatable: false })
      return referenceOf(result)
    },
    async update(reference) {
      const id = reference.slice(reference.lastIndexOf('/') + 1)
      const { closeState, closeCode } = settings
      const notes = `Released by Firebreak: the network of ${ticket.instance} is as it was before the cut`
      const json = {
        ...content,
        ...(closing ? { state: closeState, close_code: closeCode, close_notes: notes } : {}),
      }
      const updated = await session.unlessGone(
        session.json(One, {
          method: 'patch',
          path: `${path}/${encodeURIComponent(id)}`,
          query: fields,
          json,
          repeatable: true,
        }),
      )
      return updated && []
    },
  }
}

function referenceOf({ number, sys_id }: z.infer<typeof Row>): string {
  return `${number}/${sys_id}`
}
