import ky, { HTTPError, type KyInstance, TimeoutError } from 'ky'
import { InputError, RetryableError } from '../../core/errors.ts'
import type { Clock, Ticket, TicketTarget } from '../../core/ports.ts'
import { readAnswer, referenceIn } from './answer.ts'
import { retryAfterMs } from './retry-after.ts'
import type { WebhookSettings } from './settings.ts'
import { sign } from './signature.ts'

/** Worth another request at once; what else is worth another try of the step is decided by `failureOf`. */
const RETRIED = [408, 425, 429, 500, 502, 503, 504]

const BACKOFF_LIMIT_MS = 8000

/**
 * Posts tickets as signed JSON: docs/tickets.md has the headers, the body and how a receiver verifies them.
 * Throws `RetryableError` where a later try may do (429, 5xx, no answer in time, connection failed) and `Error` otherwise,
 * naming the host and never the path, the query or the secret.
 */
export function webhook(settings: WebhookSettings, clock: Clock): TicketTarget {
  const host = new URL(settings.url).host
  const http = client(settings, clock)
  return {
    id: 'webhook',
    async put(ticket, reference, signal) {
      const deadline = AbortSignal.any([signal, AbortSignal.timeout(settings.deadlineMs)])
      const until = performance.now() + settings.deadlineMs
      try {
        const response = await http(settings.url, {
          headers: {
            'Idempotency-Key': headerText(ticket.key),
            'Firebreak-Event': reference === undefined ? 'opened' : 'updated',
          },
          body: bodyOf(ticket, reference),
          signal: deadline,
          retry: {
            shouldRetry: ({ error }) => {
              if (!(error instanceof HTTPError)) return undefined
              if (!RETRIED.includes(error.response.status)) return false
              const wait = retryAfterMs(error.response, Date.now())
              // ky would sleep for days on a `Retry-After` that it cannot read; `true` takes our own delay instead.
              if (wait === undefined) return true
              // Asked for more patience than is left: give the lane back instead of sleeping in it.
              return performance.now() + wait > until ? false : undefined
            },
          },
        })
        const timeout = AbortSignal.any([deadline, AbortSignal.timeout(settings.timeoutMs)])
        return referenceIn(await readAnswer(response, timeout)) ?? reference ?? ticket.key
      } catch (thrown) {
        throw failureOf(thrown, deadline.aborted, `Cannot put ticket ${ticket.key} to the webhook at ${host}`)
      }
    },
  }
}

function client(settings: WebhookSettings, clock: Clock): KyInstance {
  return ky.create({
    method: 'post',
    timeout: settings.timeoutMs,
    // A redirect would carry the incident to a host that nobody configured.
    redirect: 'manual',
    retry: {
      limit: settings.retries,
      methods: ['post'],
      statusCodes: RETRIED,
      afterStatusCodes: RETRIED,
      retryOnTimeout: true,
      jitter: true,
      backoffLimit: BACKOFF_LIMIT_MS,
    },
    hooks: {
      beforeError: [
        error => {
          // What an error page says is not read, and an unread body keeps its connection.
          void error.response.body?.cancel().catch(() => undefined)
          return error
        },
      ],
      beforeRequest: [
        async request => {
          const body = await request.clone().text()
          const timestamp = Math.floor(clock.now() / 1000)
          request.headers.set('Content-Type', 'application/json')
          request.headers.set('User-Agent', 'firebreak')
          request.headers.set('Firebreak-Timestamp', String(timestamp))
          request.headers.set('Firebreak-Signature', sign(settings.secret, timestamp, body))
        },
      ],
    },
  })
}

function bodyOf(ticket: Ticket, reference: string | undefined): string {
  return JSON.stringify({ version: 1, ...ticket, reference: reference ?? null })
}

/** A header takes visible ASCII only. The key stands in the body too. */
function headerText(text: string): string {
  return text.replaceAll(/[^\x21-\x7e]/g, '_')
}

function failureOf(thrown: unknown, late: boolean, doing: string): Error {
  if (thrown instanceof HTTPError) {
    const { status } = thrown.response
    const said = `${doing}: it answered ${status}`
    if (status === 429 || status === 408 || status === 425 || status >= 500) return new RetryableError(said)
    return new Error(status >= 300 && status < 400 ? `${said}, a redirect, and none is followed` : said)
  }
  if (thrown instanceof InputError) return new InputError(`${doing}: ${thrown.message}`)
  if (late || thrown instanceof TimeoutError) return new RetryableError(`${doing}: no answer in time`)
  if (thrown instanceof RetryableError) return new RetryableError(`${doing}: ${thrown.message}`)
  return new RetryableError(`${doing}: the connection failed${codeOf(thrown)}`)
}

/** `ECONNREFUSED` and the like; the message of a failed fetch may hold the address with its query. */
function codeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /^[A-Z_]{2,40}$/.test(code) ? ` (${code})` : ''
}
