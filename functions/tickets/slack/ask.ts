import type * as z from 'zod'
import { InputError, quoted, RetryableError } from '../../core/errors.ts'
import { shaped } from '../http/answer.ts'
import { Refusal, Throttled } from '../http/failure.ts'
import type { Call, Session } from '../http/session.ts'
import { Verdict } from './schema.ts'

/** Of the errors that every method may answer with: it may or may not have been done. */
const UNCERTAIN = new Set(['fatal_error', 'internal_error', 'request_timeout', 'service_unavailable'])

const HINTS: Readonly<Record<string, string>> = {
  channel_not_found: 'there is no such channel, or the bot cannot see it',
  invalid_auth: 'the token is not valid',
  missing_scope: 'the token lacks a scope: chat:write and channels:history, or groups:history',
  not_authed: 'the token is missing',
  not_in_channel: 'invite the bot to the channel',
  token_revoked: 'the token was revoked',
}

/** Slack says with status 200 and `ok: false` what others say with a status. `undefined`: one of the errors in `gone`. */
export function ask<T>(session: Session, schema: z.ZodType<T>, call: Call): Promise<T>
export function ask<T>(
  session: Session,
  schema: z.ZodType<T>,
  call: Call,
  gone: readonly string[],
): Promise<T | undefined>
export function ask<T>(
  session: Session,
  schema: z.ZodType<T>,
  call: Call,
  gone: readonly string[] = [],
): Promise<T | undefined> {
  return session.read(call, answer => {
    const { ok, error = '' } = shaped(Verdict, answer)
    if (ok) return shaped(schema, answer)
    if (gone.includes(error)) return undefined
    const hint = HINTS[error]
    const said = `it answered ${quoted(error)}${hint === undefined ? '' : `: ${hint}`}`
    if (error === 'ratelimited' || error === 'rate_limited') throw new Throttled(said)
    if (UNCERTAIN.has(error)) throw new RetryableError(said)
    if (error === '') throw new InputError('the answer is "ok": false without an error')
    throw new Refusal(said, 200)
  })
}
