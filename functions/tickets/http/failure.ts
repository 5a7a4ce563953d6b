import { HTTPError, TimeoutError } from 'ky'
import { InputError, quoted, RetryableError } from '../../core/errors.ts'
import { jsonIn } from './answer.ts'

/** The tracker has understood the request and will not do it: what was asked for has not happened, and no retry helps. */
export class Refusal extends Error {
  override name = 'Refusal'
  readonly status: number

  constructor(message: string, status: number) {
    super(message)
    this.status = status
  }
}

/** Too many requests: what was asked for has not happened, and later it may. */
export class Throttled extends RetryableError {
  override name = 'Throttled'
}

export interface Failing {
  /** `Cannot put ticket fb-1 to GitHub at api.github.com`. */
  readonly doing: string
  /** The deadline is over. */
  readonly late: boolean
  /** Whether an answer of this kind says "too many requests" with another status than 429. */
  readonly throttled: boolean
  /** What the tracker said of it, already bounded. */
  readonly detail: string
}

export function failureOf(thrown: unknown, { doing, late, throttled, detail }: Failing): Error {
  if (thrown instanceof HTTPError) {
    const { status } = thrown.response
    const said = `${doing}: it answered ${status}${hintOf(status)}${detail === '' ? '' : `: ${detail}`}`
    if (status === 429 || throttled) return new Throttled(said)
    if (status === 408 || status === 425 || status >= 500) return new RetryableError(said)
    return new Refusal(said, status)
  }
  if (thrown instanceof Refusal) return new Refusal(`${doing}: ${thrown.message}`, thrown.status)
  if (thrown instanceof Throttled) return new Throttled(`${doing}: ${thrown.message}`)
  if (thrown instanceof InputError) return new InputError(`${doing}: ${thrown.message}`)
  if (late || thrown instanceof TimeoutError) return new RetryableError(`${doing}: no answer in time`)
  if (thrown instanceof RetryableError) return new RetryableError(`${doing}: ${thrown.message}`)
  return new RetryableError(`${doing}: the connection failed${codeOf(thrown)}`)
}

function hintOf(status: number): string {
  if (status >= 300 && status < 400) return ', a redirect, and none is followed'
  if (status === 401) return ', the credentials are not valid'
  if (status === 403) return ', the credentials may not do this'
  return ''
}

/** `ECONNREFUSED` and the like; the message of a failed fetch may hold the address with its query. */
function codeOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? thrown.cause : undefined
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  return /^[A-Z_]{2,40}$/.test(code) ? ` (${code})` : ''
}

/**
 * What an error body says, where trackers say it: `message` (GitHub, GitLab, PagerDuty), `errors` (all of them), `errorMessages`
 * (Jira), `error` with `message` and `detail` (ServiceNow).
 */
export function detailIn(body: string, secrets: readonly string[]): string {
  const json = jsonIn(body)
  if (typeof json !== 'object' || json === null) return ''
  const texts: string[] = []
  for (const name of ['message', 'detail', 'error', 'errorMessages', 'errors'])
    if (name in json) collect(Reflect.get(json, name), texts, 3)
  const text = secrets.reduce((said, secret) => said.replaceAll(secret, '…'), texts.slice(0, 4).join('; '))
  return text === '' ? '' : quoted(text)
}

function collect(value: unknown, texts: string[], depth: number): void {
  if (typeof value === 'string' && value !== '') texts.push(value)
  if (depth === 0 || typeof value !== 'object' || value === null) return
  for (const [name, one] of Object.entries(value).slice(0, 8)) {
    // A field's name tells more than what is wrong with it.
    if (typeof one === 'string' && !Array.isArray(value)) texts.push(`${name}: ${one}`)
    else collect(one, texts, depth - 1)
  }
}
