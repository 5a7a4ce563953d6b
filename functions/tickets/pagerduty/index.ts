import * as z from 'zod'
import type { Ticket, TicketTarget } from '../../core/ports.ts'
import { openSession, type Tracker } from '../http/session.ts'
import { titleWithin } from '../http/title.ts'
import type { PagerdutySettings } from './settings.ts'

/** Of an event: a summary of 1,024 characters, 512 KB in all, and a key of 255. */
const MAX_SUMMARY = 1024
const MAX_DETAILS = 30_000
const MAX_KEY = 255

const SEVERITIES = { 1: 'info', 2: 'info', 3: 'warning', 4: 'error', 5: 'critical' } as const satisfies Record<
  Ticket['severity'],
  string
>

const Accepted = z.object({ status: z.literal('success'), dedup_key: z.string().min(1).max(MAX_KEY) })

/**
 * An alert through PagerDuty's Events API v2 (https://developer.pagerduty.com/docs/events-api-v2-overview). The incident is its
 * `dedup_key`, so an event that is sent twice is one alert. A release resolves it.
 */
export function pagerduty(settings: PagerdutySettings): TicketTarget {
  const tracker: Tracker = {
    name: 'PagerDuty',
    url: settings.url,
    settings,
    secrets: [settings.routingKey],
    headers: () => ({}),
  }
  return {
    id: settings.name ?? 'pagerduty',
    async put(ticket, reference, signal) {
      const { dedup_key } = await openSession(tracker, ticket.key, signal).json(Accepted, {
        method: 'post',
        path: '/v2/enqueue',
        json: eventOf(ticket, reference, settings.routingKey),
        repeatable: true,
      })
      return { reference: dedup_key, notes: [] }
    },
  }
}

function eventOf(ticket: Ticket, reference: string | undefined, routingKey: string): unknown {
  const { key, instance, title, severity, state, openedAt } = ticket
  return {
    routing_key: routingKey,
    event_action: state === 'restored' ? 'resolve' : 'trigger',
    dedup_key: (reference ?? key).slice(0, MAX_KEY),
    client: 'Firebreak',
    payload: {
      summary: titleWithin(title, MAX_SUMMARY),
      source: instance,
      severity: SEVERITIES[severity],
      timestamp: new Date(openedAt).toISOString(),
      component: instance,
      class: 'firebreak',
      custom_details: { incident: key, state, report: ticket.body('text', MAX_DETAILS) },
    },
  }
}
