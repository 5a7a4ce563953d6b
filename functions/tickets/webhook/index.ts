import type { Clock, Ticket, TicketTarget } from '../../core/ports.ts'
import { type Call, openSession, type Tracker } from '../http/session.ts'
import { referenceIn } from './answer.ts'
import type { WebhookSettings } from './settings.ts'
import { sign } from './signature.ts'

/** An answer holds a reference and little more; a receiver that sends a book is not waited for. */
const MAX_ANSWER_BYTES = 65_536

/**
 * Posts tickets as signed JSON: docs/tickets.md has the headers, the body and how a receiver verifies them.
 * Throws `RetryableError` where a later try may do (429, 5xx, no answer in time, connection failed) and `Error` otherwise,
 * naming the host and never the path, the query or the secret.
 */
export function webhook(settings: WebhookSettings, clock: Clock): TicketTarget {
  const { pathname, search } = new URL(settings.url)
  const tracker: Tracker = {
    name: 'the webhook',
    url: settings.url,
    settings,
    secrets: [settings.secret, pathname, search].filter(text => text.length > 1),
    headers: body => {
      const timestamp = Math.floor(clock.now() / 1000)
      return {
        'Firebreak-Timestamp': String(timestamp),
        'Firebreak-Signature': sign(settings.secret, timestamp, body),
      }
    },
  }
  return {
    id: settings.name ?? 'webhook',
    async put(ticket, reference, signal) {
      const call: Call = {
        method: 'post',
        headers: {
          'Idempotency-Key': headerText(ticket.key),
          'Firebreak-Event': reference === undefined ? 'opened' : 'updated',
        },
        json: bodyOf(ticket, reference),
        // The receiver knows the ticket by its key.
        repeatable: true,
        most: MAX_ANSWER_BYTES,
      }
      const answer = await openSession(tracker, ticket.key, signal).read(call, referenceIn)
      return { reference: answer ?? reference ?? ticket.key, notes: [] }
    },
  }
}

function bodyOf(ticket: Ticket, reference: string | undefined): unknown {
  const { key, incident, instance, title, severity, markdown, state, drill } = ticket
  return { version: 1, key, incident, instance, title, severity, markdown, state, drill, reference: reference ?? null }
}

/** A header takes visible ASCII only. The key stands in the body too. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_')
}
