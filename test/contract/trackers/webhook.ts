import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

export const secret = 'correct horse battery staple'
export const token = 'token-in-the-query'
export const now = 1_795_000_000_000

const Body = z.object({ key: z.string(), title: z.string(), markdown: z.string(), state: z.string() })

/** A receiver as docs/tickets.md asks for one. */
export async function openReceiver(t: TestContext) {
  const held = new Map<string, { key: string; title: string; body: string; open: boolean; reference: string }>()

  function answer({ headers, body }: Asked): Reply {
    if (!isGenuine(headers, body)) return { status: 401 }
    const { key, title, markdown, state } = Body.parse(JSON.parse(body))
    const reference = held.get(key)?.reference ?? `TICKET-${held.size + 1}`
    held.set(key, { key, title, body: markdown, open: state !== 'restored', reference })
    return { status: 201, body: { reference, url: 'https://example.com/1' } }
  }

  const server = await openServer(t, answer)
  return { ...server, nextLook: undefined, tickets: () => [...held.values()] }
}

export async function openWebhook(t: TestContext, over: Record<string, unknown> = {}) {
  const server = await openReceiver(t)
  const url = `${server.url}/hooks/a?token=${token}`
  const settings = TicketSettings.parse({
    target: 'webhook',
    url,
    secret,
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return { ...opened(server, settings), secrets: [secret, token, '/hooks'] }
}

/** The recipe of docs/tickets.md. */
function isGenuine(headers: IncomingMessage['headers'], body: string): boolean {
  const timestamp = String(headers['firebreak-timestamp'])
  const signature = String(headers['firebreak-signature'])
  if (!(Math.abs(now / 1000 - Number(timestamp)) <= 300)) return false
  const expected = `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
  return signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}
