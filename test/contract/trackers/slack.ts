import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

const token = 'xoxb-0123456789'
const channel = 'C0123456789'

const Text = z.strictObject({
  type: z.literal('text'),
  text: z.string().min(1),
  style: z.strictObject({ bold: z.literal(true) }).optional(),
})
const Line = z.strictObject({ type: z.literal('rich_text_section'), elements: z.array(Text).min(1) })

/** Of https://docs.slack.dev/reference/block-kit/blocks what a ticket may hold; a mention or a link would be refused here. */
const Block = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('header'),
    text: z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(150), emoji: z.literal(false) }),
  }),
  z.strictObject({
    type: z.literal('rich_text'),
    elements: z.array(
      z.discriminatedUnion('type', [
        Line,
        z.strictObject({
          type: z.literal('rich_text_list'),
          style: z.literal('bullet'),
          indent: z.number().int().min(0).max(8),
          elements: z.array(Line).min(1),
        }),
        z.strictObject({ type: z.literal('rich_text_preformatted'), elements: z.array(Text).min(1) }),
      ]),
    ),
  }),
])

const Body = z.strictObject({
  channel: z.literal(channel),
  ts: z.string().optional(),
  text: z.string().max(40_000),
  blocks: z.array(Block).max(50),
  metadata: z.strictObject({ event_type: z.string(), event_payload: z.record(z.string(), z.string()) }),
  unfurl_links: z.literal(false).optional(),
  unfurl_media: z.literal(false).optional(),
})

interface Message {
  readonly ts: string
  text: string
  blocks: readonly unknown[]
  metadata: { event_type: string; event_payload: Record<string, string> }
}

/** Slack's Web API, as https://docs.slack.dev/reference/methods has it: what is refused is answered with 200. */
export async function openSlack(t: TestContext, over: Record<string, unknown> = {}) {
  let messages: Message[] = []
  let last = 0
  const nextTs = () => `${Math.floor(Date.now() / 1000)}.${String(++last).padStart(6, '0')}`

  function answer({ path, query, headers, body }: Asked): Reply {
    const refused = (error: string): Reply => ({ status: 200, body: { ok: false, error } })
    if (headers.authorization !== `Bearer ${token}`) return refused('invalid_auth')
    if (path === '/api/conversations.history') {
      if (query.get('channel') !== channel) return refused('channel_not_found')
      // The payload comes only to those who ask for it. Small pages, so that the cursor is followed.
      const all = query.get('include_all_metadata') === 'true'
      const from = Number(query.get('cursor') ?? 0)
      const page = messages.toReversed().slice(from, from + 1)
      const more = from + 1 < messages.length ? String(from + 1) : ''
      const listed = page.map(one => ({
        ...one,
        metadata: all ? one.metadata : { event_type: one.metadata.event_type },
      }))
      return { status: 200, body: { ok: true, messages: listed, response_metadata: { next_cursor: more } } }
    }
    const parsed = Body.safeParse(JSON.parse(body))
    if (!parsed.success) return refused('invalid_blocks')
    const { ts, text, blocks, metadata } = parsed.data
    if (JSON.stringify(blocks).length > 13_200) return refused('msg_blocks_too_long')
    if (path === '/api/chat.postMessage') {
      const message = { ts: nextTs(), text, blocks, metadata }
      messages.push(message)
      return { status: 200, body: { ok: true, channel, ts: message.ts, message } }
    }
    const message = messages.find(one => one.ts === ts)
    if (!message) return refused('message_not_found')
    Object.assign(message, { text, blocks, metadata })
    return { status: 200, body: { ok: true, channel, ts, text } }
  }

  const server = await openServer(t, answer)
  const settings = TicketSettings.parse({
    target: 'slack',
    url: `${server.url}/api`,
    token,
    channel,
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return {
    ...opened(server, settings),
    secrets: [token],
    tickets: () =>
      messages.map(({ text, blocks, metadata: { event_payload } }) => ({
        key: event_payload['incident'] ?? '',
        title: text,
        body: JSON.stringify(blocks),
        open: event_payload['state'] !== 'restored',
      })),
    empty: () => {
      messages = []
    },
    double: () => {
      const [first] = messages
      if (first) messages.push({ ...first, ts: nextTs() })
    },
  }
}
