import { setTimeout as sleep } from 'node:timers/promises'
import ky, { HTTPError, type KyInstance } from 'ky'
import type * as z from 'zod'
import { unfitness } from './address.ts'
import { readAnswer, shaped } from './answer.ts'
import { detailIn, failureOf, Refusal } from './failure.ts'
import { retryAfterMs } from './retry-after.ts'
import type { HttpSettings } from './settings.ts'

/** Worth another request at once; what else is worth another try of the step is decided by `failureOf`. */
const RETRIED = [408, 425, 429, 500, 502, 503, 504]

const BACKOFF_LIMIT_MS = 8000

/** A ticket comes back whole in most answers. */
const MAX_ANSWER_BYTES = 1_048_576

const MAX_ERROR_BYTES = 16_384

export interface Tracker {
  /** As a person calls it. */
  readonly name: string
  readonly url: string
  readonly settings: HttpSettings
  /** What no error may show. */
  readonly secrets: readonly string[]
  /** Anew for each request. */
  headers(body: string): Record<string, string>
  /** Whether an answer of another status than 429 says "too many requests". Default: none does. */
  throttled?(response: Response): boolean
}

export interface Call {
  readonly method: 'get' | 'post' | 'put' | 'patch'
  /** Behind the tracker's address. */
  readonly path?: string
  readonly query?: Readonly<Record<string, string>>
  readonly json?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Asking twice is as good as once. Otherwise only what has surely not happened is asked for again. */
  readonly repeatable: boolean
  readonly most?: number
}

/** The requests of one ticket, under one deadline. */
export interface Session {
  /** The answer's text. Throws `Refusal`, `Throttled`, `RetryableError` or, for an answer past the bound, `InputError`. */
  text(call: Call): Promise<string>
  /** As `text`, read by `read`, which throws `InputError` for what it cannot use. */
  read<T>(call: Call, read: (answer: string) => T): Promise<T>
  /** As `text`, read as the tracker documents it; `InputError` for anything else. */
  json<T>(schema: z.ZodType<T>, call: Call): Promise<T>
  /** What was asked for, and `undefined` where what the path names is gone (404, 410). */
  unlessGone<T>(asking: Promise<T>): Promise<T | undefined>
  /** Waits before the next try, the longer the more there were. */
  backOff(tries: number): Promise<void>
  pause(milliseconds: number): Promise<void>
}

export function openSession(tracker: Tracker, key: string, signal: AbortSignal): Session {
  const { settings } = tracker
  const base = new URL(tracker.url)
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(settings.deadlineMs)])
  const until = performance.now() + settings.deadlineMs
  const doing = `Cannot put ticket ${key} to ${tracker.name} at ${base.host}`
  const details = new WeakMap<Response, string>()
  const http = client(tracker, details)
  let fit: Promise<string | undefined> | undefined
  // A name server that does not answer is waited for by the system, and nothing ends that.
  const lateness = new Promise<undefined>(resolve => {
    if (deadline.aborted) resolve(undefined)
    deadline.addEventListener('abort', () => resolve(undefined), { once: true })
  })

  async function text(call: Call): Promise<string> {
    fit ??= unfitness(base, settings.allowPrivate)
    const unfit = await Promise.race([fit, lateness])
    if (unfit !== undefined) throw new Refusal(`${doing}: ${unfit}`, 0)
    try {
      const response = await http(urlOf(tracker.url, call), {
        method: call.method,
        ...(call.headers ? { headers: call.headers } : {}),
        ...(call.json === undefined ? {} : { body: JSON.stringify(call.json) }),
        signal: deadline,
        retry: { shouldRetry: ({ error }) => worthIt(error, call.repeatable) },
      })
      const timeout = AbortSignal.any([deadline, AbortSignal.timeout(settings.timeoutMs)])
      return await readAnswer(response, call.most ?? MAX_ANSWER_BYTES, timeout)
    } catch (thrown) {
      throw failed(thrown)
    }
  }

  /** `undefined`: as ky sees fit. `true`: after our own delay, since ky would sleep for days on a `Retry-After` that it cannot read. */
  function worthIt(error: Error, repeatable: boolean): boolean | undefined {
    if (!(error instanceof HTTPError)) return repeatable ? undefined : false
    const { response } = error
    if (tracker.throttled?.(response) || !RETRIED.includes(response.status)) return false
    if (!repeatable && response.status !== 429) return false
    const wait = retryAfterMs(response, Date.now())
    if (wait === undefined) return true
    // Asked for more patience than is left: give the lane back instead of sleeping in it.
    return performance.now() + wait > until ? false : undefined
  }

  function failed(thrown: unknown): Error {
    const response = thrown instanceof HTTPError ? thrown.response : undefined
    return failureOf(thrown, {
      doing,
      late: deadline.aborted,
      throttled: response !== undefined && (tracker.throttled?.(response) ?? false),
      detail: response === undefined ? '' : (details.get(response) ?? ''),
    })
  }

  const pause = (milliseconds: number) =>
    sleep(milliseconds, undefined, { signal: deadline }).catch(thrown => {
      throw failed(thrown)
    })

  async function read<T>(call: Call, reading: (answer: string) => T): Promise<T> {
    const answer = await text(call)
    try {
      return reading(answer)
    } catch (thrown) {
      throw failed(thrown)
    }
  }

  return {
    text,
    read,
    json: (schema, call) => read(call, answer => shaped(schema, answer)),
    unlessGone: asking =>
      asking.catch((thrown: unknown) => {
        if (thrown instanceof Refusal && (thrown.status === 404 || thrown.status === 410)) return undefined
        throw thrown
      }),
    backOff: tries => pause(Math.min(BACKOFF_LIMIT_MS, 300 * 2 ** tries) * (0.5 + Math.random() / 2)),
    pause,
  }
}

function urlOf(base: string, { path, query }: Call): string {
  if (path === undefined) return base
  const url = new URL(`${base.replace(/\/+$/, '')}${path}`)
  for (const [name, value] of Object.entries(query ?? {})) url.searchParams.set(name, value)
  return url.href
}

function client({ settings, headers, secrets }: Tracker, details: WeakMap<Response, string>): KyInstance {
  return ky.create({
    timeout: settings.timeoutMs,
    // A redirect would carry the incident to a host that nobody configured.
    redirect: 'manual',
    retry: {
      limit: settings.retries,
      methods: ['get', 'post', 'put', 'patch'],
      statusCodes: RETRIED,
      afterStatusCodes: RETRIED,
      retryOnTimeout: true,
      jitter: true,
      backoffLimit: BACKOFF_LIMIT_MS,
    },
    hooks: {
      beforeError: [
        async error => {
          // An unread body keeps its connection; past the bound nobody would read on.
          const { response } = error
          const body = await readAnswer(response, MAX_ERROR_BYTES, AbortSignal.timeout(settings.timeoutMs)).catch(
            () => '',
          )
          details.set(response, detailIn(body, secrets))
          return error
        },
      ],
      beforeRequest: [
        async request => {
          const body = await request.clone().text()
          if (body !== '') request.headers.set('Content-Type', 'application/json')
          request.headers.set('User-Agent', 'firebreak')
          for (const [name, value] of Object.entries(headers(body))) request.headers.set(name, value)
        },
      ],
    },
  })
}
