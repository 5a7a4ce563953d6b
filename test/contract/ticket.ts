import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { RetryableError } from '../../functions/core/errors.ts'
import type { Ticket, TicketTarget } from '../../functions/core/ports.ts'

/** What a tracker holds of a ticket, in the tracker's own storage. */
export interface Held {
  readonly key: string
  readonly title: string
  readonly markdown: string
}

/** How the tracker meets the next request; afterwards it works again. */
export type Mishap =
  | { readonly answer: number }
  /** Too many requests: come again after so many seconds. Coming sooner is refused for good (403). */
  | { readonly answer: 429; readonly after: number; readonly as: 'seconds' | 'date' }
  /** The request is acted on and the connection breaks before the answer. */
  | 'lost-answer'
  | 'silence'
  /** An answer without end. */
  | 'flood'

export interface Tracker {
  /** Times out after less than a second, so that `silence` ends soon. */
  readonly target: TicketTarget
  tickets(): readonly Held[]
  next(...mishaps: readonly Mishap[]): void
  /** Texts that no error may show: tokens, secrets, the query of the address. */
  readonly secrets: readonly string[]
}

/** Opens a tracker with no ticket in it and closes it when the test ends. */
export type MakeTracker = (t: TestContext) => Promise<Tracker>

export const ticket: Ticket = {
  key: 'fb-0123456789abcdef',
  incident: 'fb-0123456789abcdef',
  instance: 'i-0aa11bb22cc33dd44',
  title: 'Reverse tunnel on i-0aa11bb22cc33dd44',
  severity: 5,
  markdown: '# Cut off\n\nScore **165**\n',
  state: 'unverified',
  drill: true,
}

const never = new AbortController().signal

/** What every ticket target must do. */
export function ticketContract(name: string, make: MakeTracker): void {
  describe(`${name}: the ticket contract`, () => {
    it('put() opens one ticket and says its reference', async t => {
      const { target, tickets } = await make(t)
      assert.notEqual(await target.put(ticket, undefined, never), '')
      assert.deepEqual(tickets().map(held), [held(ticket)])
    })

    it('put() of the same key twice is one ticket with one reference', async t => {
      const { target, tickets } = await make(t)
      const first = await target.put(ticket, undefined, never)
      assert.equal(await target.put(ticket, undefined, never), first)
      assert.equal(tickets().length, 1)
    })

    it('put() of the same key by two at once is one ticket', async t => {
      const { target, tickets } = await make(t)
      const references = await Promise.all([target.put(ticket, undefined, never), target.put(ticket, undefined, never)])
      assert.equal(new Set(references).size, 1)
      assert.equal(tickets().length, 1)
    })

    it('put() of two keys is two tickets', async t => {
      const { target, tickets } = await make(t)
      const first = await target.put(ticket, undefined, never)
      assert.notEqual(await target.put({ ...ticket, key: 'fb-other' }, undefined, never), first)
      assert.equal(tickets().length, 2)
    })

    it('put() with a reference brings that ticket up to date', async t => {
      const { target, tickets } = await make(t)
      const reference = await target.put(ticket, undefined, never)
      const later = { ...ticket, markdown: '# Proven\n', state: 'cut' }
      assert.equal(await target.put(later, reference, never), reference)
      assert.deepEqual(tickets().map(held), [held(later)])
    })

    it('put() carries hostile text unchanged', async t => {
      const { target, tickets } = await make(t)
      const hostile = '</script><script>alert(1)</script>\r\n"\\ \u202e\u0000 %24{jndi:ldap://192.0.2.1/a} 🔥 é'
      await target.put({ ...ticket, title: hostile, markdown: hostile }, undefined, never)
      assert.deepEqual(tickets().map(held), [{ key: ticket.key, title: hostile, markdown: hostile }])
    })

    for (const as of ['seconds', 'date'] as const)
      it(`put() waits as long as a Retry-After in ${as} says`, async t => {
        const { target, tickets, next } = await make(t)
        next({ answer: 429, after: 1, as })
        await target.put(ticket, undefined, never)
        assert.equal(tickets().length, 1)
      })

    it('put() gives up at once, to be tried again, when asked to wait longer than its deadline', async t => {
      const { target, tickets, next } = await make(t)
      next({ answer: 429, after: 86_400, as: 'seconds' })
      await assert.rejects(target.put(ticket, undefined, never), RetryableError)
      assert.equal(tickets().length, 0)
    })

    it('put() tries again after answers of 500, 502 and 503', async t => {
      const { target, tickets, next } = await make(t)
      next({ answer: 500 }, { answer: 502 }, { answer: 503 })
      await target.put(ticket, undefined, never)
      assert.equal(tickets().length, 1)
    })

    it('put() throws a RetryableError that names the status when the tracker stays broken', async t => {
      const { target, secrets, next } = await make(t)
      next(...Array.from({ length: 20 }, () => ({ answer: 503 })))
      await assert.rejects(target.put(ticket, undefined, never), thrown => {
        assert.ok(thrown instanceof RetryableError)
        assert.match(thrown.message, /503/)
        return isDiscreet(thrown, secrets)
      })
    })

    for (const status of [400, 401, 403, 404, 409, 413, 422])
      it(`put() throws an error that no retry follows for an answer of ${status}`, async t => {
        const { target, secrets, next } = await make(t)
        next({ answer: status })
        await assert.rejects(target.put(ticket, undefined, never), thrown => {
          assert.ok(thrown instanceof Error && !(thrown instanceof RetryableError))
          assert.match(thrown.message, new RegExp(String(status)))
          return isDiscreet(thrown, secrets)
        })
      })

    it('put() makes one ticket although the first answer was lost', async t => {
      const { target, tickets, next } = await make(t)
      next('lost-answer')
      await target.put(ticket, undefined, never)
      assert.equal(tickets().length, 1)
    })

    it('put() ends with a RetryableError when nobody answers', async t => {
      const { target, secrets, next } = await make(t)
      next(...Array.from({ length: 20 }, () => 'silence' as const))
      await assert.rejects(target.put(ticket, undefined, never), thrown => {
        assert.ok(thrown instanceof RetryableError)
        return isDiscreet(thrown, secrets)
      })
    })

    it('put() does not swallow an answer without end', async t => {
      const { target, secrets, next } = await make(t)
      next('flood')
      await assert.rejects(target.put(ticket, undefined, never), thrown => {
        assert.ok(thrown instanceof Error)
        assert.match(thrown.message, /larger than/)
        return isDiscreet(thrown, secrets)
      })
    })

    it('put() ends with a RetryableError when the caller gives up', async t => {
      const { target, next } = await make(t)
      next('silence')
      const caller = new AbortController()
      setImmediate(() => caller.abort())
      await assert.rejects(target.put(ticket, undefined, caller.signal), RetryableError)
    })
  })
}

function held({ key, title, markdown }: Held): Held {
  return { key, title, markdown }
}

function isDiscreet(thrown: Error, secrets: readonly string[]): true {
  for (const secret of secrets) {
    assert.ok(!thrown.message.includes(secret), thrown.message)
    assert.ok(!String(thrown.stack).includes(secret), thrown.stack)
    assert.ok(!String(thrown.cause ?? '').includes(secret))
  }
  return true
}
