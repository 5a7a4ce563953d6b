import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { InputError, RetryableError } from '../../functions/core/errors.ts'
import { openTarget, TicketSettings } from '../../functions/tickets/registry.ts'
import { ticket, ticketContract } from './ticket.ts'
import { openReceiver } from './webhook-receiver.ts'

const secret = 'correct horse battery staple'
const token = 'token-in-the-query'
const clock = { now: () => 1_795_000_000_000 }
const never = new AbortController().signal

async function open(t: TestContext, over: Record<string, unknown> = {}) {
  const receiver = await openReceiver(t, secret, clock.now)
  const url = `${receiver.url}/hooks/a?token=${token}`
  const settings = TicketSettings.parse({ target: 'webhook', url, secret, timeoutMs: 150, deadlineMs: 10_000, ...over })
  return { ...receiver, target: openTarget(settings, clock), secrets: [secret, token, '/hooks'] }
}

ticketContract('webhook', t => open(t))

describe('webhook', () => {
  it('put() signs the time with the body, anew for each request', async t => {
    const times = [1_795_000_000_000, 1_795_000_007_000]
    const receiver = await openReceiver(t, secret, clock.now)
    const settings = TicketSettings.parse({ target: 'webhook', url: receiver.url, secret })
    receiver.next({ answer: 500 })
    await openTarget(settings, { now: () => times.shift() ?? 0 }).put(ticket, undefined, never)
    const [first, second] = receiver.received
    assert.equal(first?.headers['firebreak-timestamp'], '1795000000')
    assert.equal(second?.headers['firebreak-timestamp'], '1795000007')
    assert.notEqual(first?.headers['firebreak-signature'], second?.headers['firebreak-signature'])
    assert.equal(first?.body, second?.body)
  })

  it('put() is refused by a receiver with another secret', async t => {
    const { target } = await open(t, { secret: 'another secret than theirs' })
    await assert.rejects(target.put(ticket, undefined, never), /answered 401/)
  })

  it('put() says the event, the key and the type in its headers', async t => {
    const { target, received } = await open(t)
    const reference = await target.put(ticket, undefined, never)
    await target.put(ticket, reference, never)
    const said = received.map(({ headers }) => [
      headers['firebreak-event'],
      headers['idempotency-key'],
      headers['content-type'],
    ])
    assert.deepEqual(said, [
      ['opened', ticket.key, 'application/json'],
      ['updated', ticket.key, 'application/json'],
    ])
    assert.deepEqual(
      received.map(({ body }) => JSON.parse(body)),
      [
        { version: 1, ...ticket, reference: null },
        { version: 1, ...ticket, reference },
      ],
    )
  })

  for (const [body, reference] of [
    ['{"id":42}', '42'],
    ['{"key":"SEC-7","self":{}}', 'SEC-7'],
    ['{"id":"1","reference":"R","key":"K"}', 'R'],
    ['{}', ticket.key],
    ['[]', ticket.key],
    ['', ticket.key],
    ['ok', ticket.key],
  ] as const)
    it(`put() takes ${JSON.stringify(reference)} from the answer ${JSON.stringify(body)}`, async t => {
      const { target, next } = await open(t)
      next({ status: 200, body })
      assert.equal(await target.put(ticket, undefined, never), reference)
    })

  it('put() keeps the reference that it was given when the answer names none', async t => {
    const { target, next } = await open(t)
    next({ status: 204 })
    assert.equal(await target.put(ticket, 'TICKET-9', never), 'TICKET-9')
  })

  it('put() refuses an answer whose id is no reference', async t => {
    const { target, next } = await open(t)
    next({ status: 200, body: '{"id":{"a":1}}' })
    await assert.rejects(target.put(ticket, undefined, never), thrown => {
      return thrown instanceof InputError && thrown.message.includes('field "id"')
    })
  })

  it('put() follows no redirect', async t => {
    const other = await openReceiver(t, secret, clock.now)
    for (const status of [301, 302, 307, 308]) {
      const { target, next } = await open(t)
      next({ status, headers: { location: `${other.url}/steal` } })
      await assert.rejects(target.put(ticket, undefined, never), new RegExp(`answered ${status}, a redirect`))
    }
    assert.equal(other.received.length, 0)
  })

  it('put() is not put to sleep by a Retry-After that cannot be read', async t => {
    const { target, tickets, next } = await open(t)
    const headers = { 'retry-after': 'presently', 'x-ratelimit-reset': '99999999999' }
    next({ status: 503, headers })
    await target.put(ticket, undefined, never)
    assert.equal(tickets().length, 1)
  })

  it('put() ends when the body of the answer trickles', async t => {
    const { target, next, url } = await open(t)
    next({ status: 200, headers: { 'content-length': '10' }, body: '{' })
    await assert.rejects(target.put(ticket, undefined, never), thrown => {
      return thrown instanceof RetryableError && thrown.message.includes(new URL(url).host)
    })
  })

  it('put() names the failure when nothing listens', async () => {
    const settings = TicketSettings.parse({
      target: 'webhook',
      url: `http://127.0.0.1:1/?t=${token}`,
      secret,
      retries: 0,
    })
    await assert.rejects(openTarget(settings, clock).put(ticket, undefined, never), thrown => {
      return thrown instanceof RetryableError && /127\.0\.0\.1:1: the connection failed/.test(thrown.message)
    })
  })

  for (const url of ['http://tickets.example.com/', 'file:///etc/passwd', 'ftp://127.0.0.1/', 'tickets.example.com'])
    it(`its settings refuse the address ${url}`, () => {
      assert.equal(TicketSettings.safeParse({ target: 'webhook', url, secret }).success, false)
    })
})
