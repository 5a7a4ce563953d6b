import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { InputError, RetryableError } from '../../functions/core/errors.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { Ticket, TicketTarget } from '../../functions/core/ports.ts'
import { romeReport } from '../../functions/report/fixture.ts'
import { ticketOf } from '../../functions/report/index.ts'

/** What a tracker holds of a ticket, in the tracker's own storage. */
export interface Held {
  readonly key: string
  readonly title: string
  /** In the target's markup. */
  readonly body: string
  readonly open: boolean
}

/** How the tracker meets the next request that writes; afterwards it works again. */
export type Mishap =
  | { readonly answer: number }
  /** Too many requests: come again after so many seconds. Coming sooner is refused for good (403). */
  | { readonly answer: 429; readonly after: number; readonly as: 'seconds' | 'date' }
  /** An answer of one's own. Nothing is done. */
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: unknown }
  /** The request is acted on and the connection breaks before the answer. */
  | 'lost-answer'
  /** Acted on, and an answer that says otherwise, or nothing of use. */
  | 'done-and-500'
  | 'done-and-page'
  | 'done-and-nothing'
  | 'done-and-slow'
  | 'silence'
  /** An HTML page with status 200; nothing is done. */
  | 'page'
  /** An answer without end. */
  | 'flood'

export interface Tracker {
  /** Times out after less than a second, so that `silence` ends soon. */
  readonly target: TicketTarget
  tickets(): readonly Held[]
  next(...mishaps: readonly Mishap[]): void
  /** For the next look-up. Absent: the target never looks. */
  readonly nextLook?: ((...mishaps: readonly Mishap[]) => void) | undefined
  /** Somebody deletes all tickets. Absent: nobody can. */
  readonly empty?: () => void
  /** A second ticket that bears the same incident's mark. Absent: there can be none. */
  readonly double?: () => void
  /** Texts that no error may show: tokens, secrets, the query of the address. */
  readonly secrets: readonly string[]
}

/** Opens a tracker with no ticket in it and closes it when the test ends. */
export type MakeTracker = (t: TestContext) => Promise<Tracker>

const rome = romeReport()

export function ticketWith(changes: Partial<Incident>): Ticket {
  return ticketOf({ ...rome, incident: { ...rome.incident, ...changes } })
}

const { cut } = rome.incident
export const ticket = ticketWith({ cut: { ...cut, state: 'unverified' } })
const proven = ticketWith({ cut: { ...cut, state: 'cut' } })
const released = ticketWith({ cut: { ...cut, state: 'restored' }, closedAt: rome.now })

const SAYS = { unverified: /Cut, not proven yet/, cut: /Cut off, proven/, restored: /Released/ }

const never = new AbortController().signal

/** As the playbook does: a step that failed is tried again later. */
export async function untilFiled(target: TicketTarget, one: Ticket, reference?: string) {
  for (let tries = 0; ; tries++)
    try {
      return await target.put(one, reference, never, tries + 1)
    } catch (thrown) {
      if (tries === 8 || !(thrown instanceof RetryableError || thrown instanceof InputError)) throw thrown
    }
}

/** What every ticket target must do. Returns which cases a target has been through. */
export function ticketContract(name: string, make: MakeTracker): ReadonlyMap<string, string> {
  const cases = new Map<string, string>()
  const fact = (said: string, run: (tracker: Tracker) => Promise<unknown>) =>
    it(said, async t => {
      cases.set(said, 'failed')
      const outcome = await run(await make(t))
      cases.set(said, typeof outcome === 'string' ? outcome : 'passed')
    })

  describe(`${name}: the ticket contract`, { concurrency: 6 }, () => {
    fact('put() opens one ticket and says its reference', async ({ target, tickets }) => {
      const { reference, notes } = await target.put(ticket, undefined, never)
      assert.notEqual(reference, '')
      assert.deepEqual(notes, [])
      assertHolds(tickets(), ticket)
    })

    fact('put() of the same key twice is one ticket with one reference', async ({ target, tickets }) => {
      const first = await target.put(ticket, undefined, never)
      assert.equal((await target.put(ticket, undefined, never, 2)).reference, first.reference)
      assert.equal(tickets().length, 1)
    })

    fact('put() of two incidents is two tickets', async ({ target, tickets }) => {
      const first = await target.put(ticket, undefined, never)
      const other = { ...ticket, key: 'fb-00000000000000aa', incident: 'fb-00000000000000aa' }
      assert.notEqual((await target.put(other, undefined, never)).reference, first.reference)
      assert.equal(tickets().length, 2)
    })

    fact('put() with a reference brings that ticket up to date', async ({ target, tickets }) => {
      const { reference } = await target.put(ticket, undefined, never)
      assert.equal((await target.put(proven, reference, never)).reference, reference)
      assertHolds(tickets(), proven)
    })

    fact('put() without the reference finds the ticket by its incident and brings it up to date', async tracker => {
      const { reference } = await tracker.target.put(ticket, undefined, never)
      assert.equal((await tracker.target.put(proven, undefined, never, 2)).reference, reference)
      assertHolds(tracker.tickets(), proven)
    })

    fact('put() of a released incident closes its ticket, and once more does no harm', async ({ target, tickets }) => {
      const { reference } = await target.put(ticket, undefined, never)
      await target.put(released, reference, never)
      assertHolds(tickets(), released)
      await target.put(released, reference, never)
      assertHolds(tickets(), released)
    })

    fact('put() opens a deleted ticket anew and says so', async ({ target, tickets, empty }) => {
      if (!empty) return 'cannot be'
      const { reference } = await target.put(ticket, undefined, never)
      empty()
      const filed = await target.put(proven, reference, never)
      assert.notEqual(filed.reference, reference)
      assert.match(filed.notes.join(), /is not there any more/)
      assertHolds(tickets(), proven)
      return undefined
    })

    fact('put() that finds two tickets of the incident keeps to the first', async ({ target, tickets, double }) => {
      if (!double) return 'cannot be'
      const { reference } = await target.put(ticket, undefined, never)
      double()
      assert.equal((await target.put(proven, undefined, never, 2)).reference, reference)
      assert.equal(tickets().length, 2)
      return undefined
    })

    for (const as of ['seconds', 'date'] as const)
      fact(`put() waits as long as a Retry-After in ${as} says`, async ({ target, tickets, next }) => {
        next({ answer: 429, after: 1, as })
        await target.put(ticket, undefined, never)
        assert.equal(tickets().length, 1)
      })

    fact('put() gives up at once when asked to wait longer than its deadline', async ({ target, tickets, next }) => {
      next({ answer: 429, after: 86_400, as: 'seconds' })
      await assert.rejects(target.put(ticket, undefined, never), RetryableError)
      assert.equal(tickets().length, 0)
    })

    fact('put() makes one ticket of answers of 500, 502 and 503', async ({ target, tickets, next }) => {
      next({ answer: 500 }, { answer: 502 }, { answer: 503 })
      await untilFiled(target, ticket)
      assert.equal(tickets().length, 1)
    })

    fact('put() throws a RetryableError that names the status of a broken tracker', async tracker => {
      tracker.next(...Array.from({ length: 20 }, () => ({ answer: 503 })))
      await assert.rejects(tracker.target.put(ticket, undefined, never), thrown => {
        assert.ok(thrown instanceof RetryableError)
        assert.match(thrown.message, /503/)
        return isDiscreet(thrown, tracker.secrets)
      })
    })

    for (const status of [400, 401, 403, 404, 409, 413, 422])
      fact(`put() throws an error that no retry follows for an answer of ${status}`, async tracker => {
        tracker.next({ answer: status })
        await assert.rejects(tracker.target.put(ticket, undefined, never), thrown => {
          assert.ok(thrown instanceof Error && !(thrown instanceof RetryableError))
          assert.match(thrown.message, new RegExp(String(status)))
          return isDiscreet(thrown, tracker.secrets)
        })
        assert.equal(tracker.tickets().length, 0)
      })

    for (const mishap of ['lost-answer', 'done-and-500', 'done-and-page', 'done-and-nothing', 'done-and-slow'] as const)
      fact(`put() makes one ticket when its opening meets ${mishap}`, async ({ target, tickets, next }) => {
        next(mishap)
        const { reference } = await untilFiled(target, ticket)
        assert.equal(tickets().length, 1)
        await untilFiled(target, proven, reference)
        assertHolds(tickets(), proven)
      })

    for (const mishap of ['lost-answer', 'done-and-500', 'done-and-slow'] as const)
      fact(`put() keeps to one ticket when an update meets ${mishap}`, async ({ target, tickets, next }) => {
        const { reference } = await target.put(ticket, undefined, never)
        next(mishap)
        assert.equal((await untilFiled(target, proven, reference)).reference, reference)
        assertHolds(tickets(), proven)
      })

    for (const mishap of ['page', 'flood', 'lost-answer', { answer: 500 }, { answer: 403 }] as const)
      fact(`put() opens none while a look-up meets ${JSON.stringify(mishap)}`, async tracker => {
        if (!tracker.nextLook) return 'never looks'
        tracker.nextLook(...Array.from({ length: 20 }, () => mishap))
        await assert.rejects(tracker.target.put(ticket, undefined, never), thrown => {
          return thrown instanceof Error && isDiscreet(thrown, tracker.secrets)
        })
        assert.equal(tracker.tickets().length, 0)
        return undefined
      })

    fact('put() ends with a RetryableError when nobody answers', async ({ target, secrets, next }) => {
      next(...Array.from({ length: 20 }, () => 'silence' as const))
      await assert.rejects(target.put(ticket, undefined, never), thrown => {
        assert.ok(thrown instanceof RetryableError)
        return isDiscreet(thrown, secrets)
      })
    })

    fact('put() does not swallow an answer without end', async ({ target, secrets, next }) => {
      next('flood')
      await assert.rejects(target.put(ticket, undefined, never), thrown => {
        assert.ok(thrown instanceof Error)
        assert.match(thrown.message, /larger than/)
        return isDiscreet(thrown, secrets)
      })
    })

    fact('put() ends with a RetryableError when the caller gives up', async ({ target, next }) => {
      next('silence')
      const caller = new AbortController()
      setTimeout(() => caller.abort(), 20)
      await assert.rejects(target.put(ticket, undefined, caller.signal), RetryableError)
    })

    fact('an outage, slowness and an answer of 500 after the opening end in one ticket', async tracker => {
      const { target, tickets, next } = tracker
      next(...Array.from({ length: 6 }, () => ({ answer: 503 })), 'silence', 'done-and-500')
      await untilFiled(target, ticket)
      await untilFiled(target, proven)
      assertHolds(tickets(), proven)
    })

    fact('put() follows no redirect', async ({ target, tickets, next }) => {
      next({ status: 307, headers: { location: 'http://127.0.0.1:1/steal' } })
      await assert.rejects(target.put(ticket, undefined, never), /answered 307, a redirect/)
      assert.equal(tickets().length, 0)
    })

    fact('put() keeps the longest incident within what the tracker takes', async ({ target, tickets }) => {
      const { reference } = await target.put(longest(), undefined, never)
      await target.put(longest(), reference, never)
      assert.equal(tickets().length, 1)
    })
  })
  return cases
}

/** An incident that fills every field, with text that takes most room once it is escaped. */
function longest(): Ticket {
  const text = '<@"\\|*_{é🔥'.repeat(90)
  const [finding] = rome.incident.findings
  assert.ok(finding)
  const signal = { rule: 'reverse-tunnel', family: 'shape' as const, points: 1, first: 0, last: 0, detail: text }
  const signals = Array.from({ length: 256 }, (_, port) => ({ ...signal, port }))
  const entry = rome.incident.steps['swap-groups']
  assert.ok(entry)
  const step = {
    ...entry,
    done: ['', ...Array.from({ length: 200 }, () => text)],
    unable: Array.from({ length: 200 }, () => text),
  }
  const incident = {
    ...rome.incident,
    findings: [{ ...finding, signals }],
    steps: { ...rome.incident.steps, 'swap-groups': step },
  }
  const undo = [{ step: 'swap-groups', commands: Array.from({ length: 200 }, () => `aws ec2 ${text}`) }]
  return { ...ticketOf({ ...rome, incident, undo }), title: text }
}

function assertHolds(tickets: readonly Held[], one: Ticket): void {
  const [held, ...more] = tickets
  assert.equal(more.length, 0)
  assert.ok(held)
  assert.equal(held.key, one.key)
  assert.ok(held.title.includes(one.instance), held.title)
  assert.match(held.body, SAYS[one.state as keyof typeof SAYS])
  assert.equal(held.open, one.state !== 'restored')
}

function isDiscreet(thrown: Error, secrets: readonly string[]): true {
  for (const secret of secrets) {
    assert.ok(!thrown.message.includes(secret), thrown.message)
    assert.ok(!String(thrown.stack).includes(secret), thrown.stack)
    assert.ok(!String(thrown.cause ?? '').includes(secret))
  }
  return true
}
