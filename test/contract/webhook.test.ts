import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InputError, RetryableError } from '../../functions/core/errors.ts'
import { openTarget, TicketSettings } from '../../functions/tickets/registry.ts'
import { ticket } from './ticket.ts'
import { now, openWebhook as open, openReceiver, secret, token } from './trackers/webhook.ts'

const clock = { now: () => now }
const never = new AbortController().signal

/** What of a ticket goes over the wire. */
const { openedAt: _when, body: _markup, ...sent } = ticket

describe('webhook', () => {
  it('put() carries hostile text unchanged', async t => {
    const { target, tickets } = await open(t)
    const hostile = '</script><script>alert(1)</script>\r\n"\\ \u202e\u0000 %24{jndi:ldap://192.0.2.1/a} 🔥 é'
    await target.put({ ...ticket, title: hostile, markdown: hostile }, undefined, never)
    assert.deepEqual(
      tickets().map(({ title, body }) => [title, body]),
      [[hostile, hostile]],
    )
  })

  it('put() signs the time with the body, anew for each request', async t => {
    const times = [1_795_000_000_000, 1_795_000_007_000]
    const receiver = await openReceiver(t)
    const settings = TicketSettings.parse({ target: 'webhook', url: receiver.url, secret })
    receiver.next({ answer: 500 })
    await openTarget(settings, { now: () => times.shift() ?? 0 }).put(ticket, undefined, never)
    const [first, second] = receiver.asked
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
    const { target, asked } = await open(t)
    const { reference } = await target.put(ticket, undefined, never)
    await target.put(ticket, reference, never)
    const said = asked.map(({ headers }) => [
      headers['firebreak-event'],
      headers['idempotency-key'],
      headers['content-type'],
    ])
    assert.deepEqual(said, [
      ['opened', ticket.key, 'application/json'],
      ['updated', ticket.key, 'application/json'],
    ])
    assert.deepEqual(
      asked.map(({ body }) => JSON.parse(body)),
      [
        { version: 1, ...sent, reference: null },
        { version: 1, ...sent, reference },
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
      assert.equal((await target.put(ticket, undefined, never)).reference, reference)
    })

  it('put() keeps the reference that it was given when the answer names none', async t => {
    const { target, next } = await open(t)
    next({ status: 204 })
    assert.equal((await target.put(ticket, 'TICKET-9', never)).reference, 'TICKET-9')
  })

  it('put() refuses an answer whose id is no reference', async t => {
    const { target, next } = await open(t)
    next({ status: 200, body: '{"id":{"a":1}}' })
    await assert.rejects(target.put(ticket, undefined, never), thrown => {
      return thrown instanceof InputError && thrown.message.includes('field "id"')
    })
  })

  it('put() follows no redirect', async t => {
    const other = await openReceiver(t)
    for (const status of [301, 302, 307, 308]) {
      const { target, next } = await open(t)
      next({ status, headers: { location: `${other.url}/steal` } })
      await assert.rejects(target.put(ticket, undefined, never), new RegExp(`answered ${status}, a redirect`))
    }
    assert.equal(other.asked.length, 0)
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
