import type { Ticket, TicketTarget } from '../../core/ports.ts'
import { type Desk, file } from '../http/filing.ts'
import { openSession, type Session, type Tracker } from '../http/session.ts'
import { titleWithin } from '../http/title.ts'
import { ask } from './ask.ts'
import { History, Posted } from './schema.ts'
import type { SlackSettings } from './settings.ts'

const EVENT = 'firebreak_incident'

/** A message is read in a channel, and Slack takes some 13,000 characters of text in all of its blocks; JSON is the longer of the two. */
const MAX_BLOCKS = 12_000

/** For notifications. */
const MAX_TEXT = 300

const PAGE_SIZE = 50
const MAX_PAGES = 20
const MAX_PAGE_BYTES = 4_194_304

/** Clocks differ. */
const SKEW_MS = 3_600_000

/**
 * A message in a channel, rewritten as the incident goes on (https://docs.slack.dev/reference/methods/chat.postMessage). Its
 * metadata names the incident.
 */
export function slack(settings: SlackSettings): TicketTarget {
  const tracker: Tracker = {
    name: 'Slack',
    url: settings.url,
    settings,
    secrets: [settings.token],
    headers: () => ({ Authorization: `Bearer ${settings.token}` }),
  }
  return {
    id: settings.name ?? 'slack',
    put(ticket, reference, signal, attempt = 1) {
      const session = openSession(tracker, ticket.key, signal)
      const manner = { closing: false, retries: settings.retries, retried: attempt > 1 }
      return file(deskOf(settings, session, ticket), session, reference, manner)
    },
  }
}

function deskOf({ channel }: SlackSettings, session: Session, ticket: Ticket): Desk {
  const { key, state } = ticket
  const blocks: unknown = JSON.parse(ticket.body('slack', MAX_BLOCKS))
  const message = {
    text: escaped(titleWithin(ticket.title, MAX_TEXT)),
    blocks,
    metadata: { event_type: EVENT, event_payload: { incident: key, state } },
  }
  return {
    async find() {
      const found: string[] = []
      let cursor = ''
      for (let page = 0; page < MAX_PAGES; page++) {
        const query = {
          channel,
          oldest: String(Math.floor((ticket.openedAt - SKEW_MS) / 1000)),
          include_all_metadata: 'true',
          limit: String(PAGE_SIZE),
          ...(cursor === '' ? {} : { cursor }),
        }
        const path = '/conversations.history'
        const history = await ask(session, History, {
          method: 'get',
          path,
          query,
          repeatable: true,
          most: MAX_PAGE_BYTES,
        })
        const ours = history.messages.filter(
          ({ metadata }) => metadata?.event_type === EVENT && metadata.event_payload?.['incident'] === key,
        )
        found.unshift(...ours.map(({ ts }) => `${channel}:${ts}`).reverse())
        cursor = history.response_metadata?.next_cursor ?? ''
        if (cursor === '') break
      }
      return found
    },
    async create() {
      const json = { channel, ...message, unfurl_links: false, unfurl_media: false }
      const posted = await ask(session, Posted, { method: 'post', path: '/chat.postMessage', json, repeatable: false })
      return `${posted.channel}:${posted.ts}`
    },
    async update(reference) {
      const [at = '', ts = ''] = reference.split(':')
      const json = { channel: at, ts, ...message }
      const done = await ask(session, Posted, { method: 'post', path: '/chat.update', json, repeatable: true }, [
        'message_not_found',
      ])
      return done && []
    },
  }
}

/** The three characters that Slack reads in a text (https://docs.slack.dev/messaging/formatting-message-text). */
function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
