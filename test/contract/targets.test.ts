import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { RetryableError } from '../../functions/core/errors.ts'
import { openTarget, TicketSettings } from '../../functions/tickets/registry.ts'
import { ticket, ticketWith, untilFiled } from './ticket.ts'
import { openGithub } from './trackers/github.ts'
import { openJira } from './trackers/jira.ts'
import { openServicenow } from './trackers/servicenow.ts'
import { openSlack } from './trackers/slack.ts'

const never = new AbortController().signal
const released = ticketWith({ cut: { state: 'restored', reasons: [] }, closedAt: 1 })

describe('the address of a tracker', () => {
  const base = { target: 'github', token: 'secret', repository: 'octo/soc', retries: 0, timeoutMs: 400 }
  const put = (url: string, allowPrivate: boolean) =>
    openTarget(TicketSettings.parse({ ...base, url, allowPrivate }), { now: Date.now }).put(ticket, undefined, never)

  for (const host of [
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '100.64.0.1',
    '127.0.0.2',
    '[fd12::1]',
    '[::ffff:10.0.0.1]',
  ])
    it(`${host} is refused as private`, async () => {
      await assert.rejects(put(`https://${host}:1`, false), /private address, and allowPrivate is not set/)
    })

  for (const host of ['169.254.169.254', '[fd00:ec2::254]', '100.100.100.200', '[fe80::1]', '2852039166'])
    it(`${host} is refused as one of metadata services, also where private ones are allowed`, async () => {
      await assert.rejects(put(`https://${host}:1`, true), /address of metadata services/)
    })

  it('a private one that is declared is asked', async () => {
    await assert.rejects(put('https://127.0.0.2:1', true), /the connection failed/)
  })

  for (const url of [
    'http://192.0.2.1',
    'https://user:password@example.com',
    'ftp://127.0.0.1',
    'example.com',
    'https://example.com/?a=b',
  ])
    it(`its settings refuse ${url}`, () => assert.equal(TicketSettings.safeParse({ ...base, url }).success, false))
})

describe('github', () => {
  it('takes a 403 of its rate limit for what a later try may not meet', async t => {
    const { target, next, tickets } = await openGithub(t)
    next({ status: 403, headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '9999999999' } })
    await assert.rejects(target.put(ticket, undefined, never), RetryableError)
    await target.put(ticket, undefined, never)
    assert.equal(tickets().length, 1)
  })

  it('says what the tracker said of a refusal, without the token', async t => {
    const { target, next, secrets } = await openGithub(t)
    const body = { message: 'Validation Failed', errors: [{ field: 'labels', code: `missing ${secrets[0]}` }] }
    next({ status: 422, body })
    await assert.rejects(target.put(ticket, undefined, never), ({ message }: Error) => {
      assert.match(
        message,
        /to GitHub at 127\.0\.0\.1:\d+: it answered 422: "Validation Failed; field: labels; code: missing …"$/,
      )
      return true
    })
  })

  it('finds its ticket behind a page of later issues', async t => {
    const { target, url, secrets, tickets } = await openGithub(t)
    const { reference } = await target.put(ticket, undefined, never)
    for (let count = 0; count < 30; count++)
      await fetch(`${url}/repos/octo/soc/issues`, {
        method: 'POST',
        headers: { authorization: `Bearer ${secrets[0]}` },
        body: JSON.stringify({ title: 'Another', body: 'Nothing of ours' }),
      })
    assert.equal((await target.put(ticket, undefined, never)).reference, reference)
    assert.equal(tickets().length, 31)
  })

  it('leaves closed what a person closed', async t => {
    const { target, url, secrets, tickets } = await openGithub(t)
    const { reference } = await target.put(ticket, undefined, never)
    await fetch(`${url}/repos/octo/soc/issues/${reference}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${secrets[0]}` },
      body: JSON.stringify({ state: 'closed' }),
    })
    await target.put(ticket, reference, never)
    assert.equal(tickets()[0]?.open, false)
  })
})

describe('jira', () => {
  it('says that an issue stays open where no transition fits', async t => {
    const { target, tickets } = await openJira(t, 'cloud', { closeTransition: 'Bury' })
    const { reference } = await target.put(ticket, undefined, never)
    const { notes } = await target.put(released, reference, never)
    assert.match(notes.join(), /^SOC-1 stays open: close it by hand, or name a transition/)
    assert.equal(tickets()[0]?.open, true)
  })

  it('Cloud without the email address of its token is refused', () => {
    const settings = { target: 'jira', url: 'https://example.atlassian.net', token: 'a', project: 'SOC' }
    const parsed = TicketSettings.safeParse(settings)
    assert.deepEqual(parsed.error?.issues[0]?.path, ['email'])
    assert.equal(TicketSettings.safeParse({ ...settings, deployment: 'datacenter' }).success, true)
  })
})

describe('slack', () => {
  const refused = (error: string) => ({ status: 200, body: { ok: false, error } })

  it('mentions nobody in the text of a notification', async t => {
    const { target, tickets } = await openSlack(t)
    await target.put({ ...ticket, title: 'A <!channel> & <@U1> b' }, undefined, never)
    assert.equal(tickets()[0]?.title, 'A &lt;!channel&gt; &amp; &lt;@U1&gt; b')
  })

  it('says what to do about a channel that the bot is not in', async t => {
    const { target, next } = await openSlack(t)
    next(refused('not_in_channel'))
    await assert.rejects(target.put(ticket, undefined, never), (thrown: Error) => {
      assert.match(
        thrown.message,
        /^Cannot put ticket fb-\w+ to Slack at .*: it answered "not_in_channel": invite the bot/,
      )
      return !(thrown instanceof RetryableError)
    })
  })

  it('posts once where it is told to come later or that something went wrong', async t => {
    const { target, next, tickets } = await openSlack(t)
    next(refused('ratelimited'), refused('internal_error'))
    await assert.rejects(target.put(ticket, undefined, never), RetryableError)
    await untilFiled(target, ticket)
    assert.equal(tickets().length, 1)
  })
})

describe('servicenow', () => {
  it('asks for no condition but its own, whatever the key', async t => {
    const { target, asked } = await openServicenow(t)
    await target.put({ ...ticket, key: 'a^ORactive=true^sys_id' }, undefined, never)
    assert.equal(asked[0]?.query.get('sysparm_query'), 'correlation_id=a_ORactive_true_sys_id^ORDERBYsys_created_on')
  })
})
