import assert from 'node:assert/strict'
import { test } from 'node:test'
import { engineOf, findingOf, INSTANCE } from '../../functions/core/engine-fixture.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { TrackingTimeouts } from '../../functions/core/proof.ts'
import { respond } from '../../functions/core/respond.ts'
import { ticketStep } from '../../functions/core/ticket-step.ts'
import { verify } from '../../functions/core/verify.ts'
import { ticketOf } from '../../functions/report/index.ts'
import type { Weather } from './tracker-server.ts'
import { openGithub } from './trackers/github.ts'
import { openGitlab } from './trackers/gitlab.ts'
import { openJira } from './trackers/jira.ts'
import { openPagerduty } from './trackers/pagerduty.ts'
import { openServicenow } from './trackers/servicenow.ts'
import { openSlack } from './trackers/slack.ts'
import { openWebhook } from './trackers/webhook.ts'

const impatient = { retries: 0, timeoutMs: 300, deadlineMs: 2000 }

test('trackers that are down for an hour, then slow, then answer 500 after the opening hold one ticket each, and the cut waits for none', async t => {
  const trackers = {
    webhook: await openWebhook(t, impatient),
    github: await openGithub(t, impatient),
    gitlab: await openGitlab(t, impatient),
    jira: await openJira(t, 'cloud', impatient),
    datacenter: await openJira(t, 'datacenter', { ...impatient, name: 'datacenter' }),
    slack: await openSlack(t, impatient),
    pagerduty: await openPagerduty(t, impatient),
    servicenow: await openServicenow(t, impatient),
  }
  const all = Object.values(trackers)
  const become = (weather: Weather) => {
    for (const one of all) one.become(weather)
  }
  const engine = await engineOf()
  const { ledger, clock, settings, sent } = engine
  const tickets = all.map(({ target }) =>
    ticketStep(target, {
      ledger,
      clock,
      render: (incident, journal, now) => ticketOf({ incident, journal, now }),
    }),
  )
  const ports = { ...engine.ports, steps: [...engine.ports.steps, ...tickets] }
  let invocations = 0
  const drain = async () => {
    for (let message = sent.shift(); message; message = sent.shift())
      await respond(ports, settings, message.order, engine.invocation(`respond-${++invocations}`))
  }
  const watch = async () => {
    clock.advance(300_000)
    const looking = {
      ...ports,
      readFleet: async () => ({
        at: clock.now(),
        account: '111122223333',
        region: 'eu-west-1',
        instances: [],
        interfaces: [],
        networks: [],
      }),
      prepareQuarantine: async () => 'sg-quarantine',
      readTraffic: async () => ({ windows: [], conversations: [], truncated: false }),
    }
    const proving = { tracking: TrackingTimeouts.parse({}), escalateAfterMs: 7_200_000 }
    await verify(looking, { ...settings, ...proving }, AbortSignal.timeout(60_000))
    await drain()
  }
  const incident = async () => (await loadIncident(ledger, INSTANCE))?.incident

  become('down')
  await respond(ports, settings, { kind: 'finding', finding: findingOf() }, engine.invocation('first'))
  assert.deepEqual(engine.cloud.groups, ['sg-quarantine'])
  await drain()
  for (let minutes = 0; minutes < 60; minutes += 5) await watch()
  assert.deepEqual(
    all.flatMap(one => one.tickets()),
    [],
  )

  become('slow')
  await watch()
  become('broken')
  await watch()
  become('fair')
  await watch()
  for (const [name, one] of Object.entries(trackers)) assert.equal(one.tickets().length, 1, name)

  const held = await incident()
  assert.ok(held)
  const order = { kind: 'release', instance: INSTANCE, incident: held.id, by: 'ada' } as const
  await respond(ports, settings, order, engine.invocation('release'))
  await drain()
  for (const [name, one] of Object.entries(trackers)) {
    assert.deepEqual(
      one.tickets().map(({ key, open }) => [key, open]),
      [[held.id, false]],
      name,
    )
  }
  const { steps } = (await incident()) ?? held
  assert.deepEqual(
    tickets.map(({ id }) => steps[id]?.status),
    tickets.map(() => 'done'),
  )
})
