import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

const routingKey = '0123456789abcdef0123456789abcdef'

const Event = z.strictObject({
  routing_key: z.literal(routingKey),
  event_action: z.enum(['trigger', 'acknowledge', 'resolve']),
  dedup_key: z.string().max(255),
  client: z.string(),
  payload: z.strictObject({
    summary: z.string().min(1).max(1024),
    source: z.string().min(1),
    severity: z.enum(['critical', 'error', 'warning', 'info']),
    timestamp: z.iso.datetime(),
    component: z.string(),
    class: z.string(),
    custom_details: z.record(z.string(), z.string()),
  }),
})

/** PagerDuty's Events API v2, as https://developer.pagerduty.com/docs/events-api-v2-overview has it. */
export async function openPagerduty(t: TestContext, over: Record<string, unknown> = {}) {
  const alerts = new Map<string, { key: string; title: string; body: string; open: boolean }>()

  function answer({ method, path, body }: Asked): Reply {
    if (method !== 'POST' || path !== '/v2/enqueue') return { status: 404 }
    const parsed = Event.safeParse(JSON.parse(body))
    if (!parsed.success || body.length > 512 * 1024)
      return {
        status: 400,
        body: { status: 'invalid event', message: 'Event object is invalid', errors: ['something is missing'] },
      }
    const { dedup_key, event_action, payload } = parsed.data
    const open = event_action !== 'resolve'
    alerts.set(dedup_key, {
      key: dedup_key,
      title: payload.summary,
      body: payload.custom_details['report'] ?? '',
      open,
    })
    return { status: 202, body: { status: 'success', message: 'Event processed', dedup_key } }
  }

  const server = await openServer(t, answer)
  const settings = TicketSettings.parse({
    target: 'pagerduty',
    url: server.url,
    routingKey,
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return {
    ...opened({ ...server, nextLook: undefined }, settings),
    secrets: [routingKey],
    tickets: () => [...alerts.values()],
  }
}
