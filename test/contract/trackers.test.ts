import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type MakeTracker, ticketContract } from './ticket.ts'
import { openGithub } from './trackers/github.ts'
import { openGitlab } from './trackers/gitlab.ts'
import { openJira } from './trackers/jira.ts'
import { openPagerduty } from './trackers/pagerduty.ts'
import { openServicenow } from './trackers/servicenow.ts'
import { openSlack } from './trackers/slack.ts'
import { openWebhook } from './trackers/webhook.ts'

const trackers: readonly (readonly [string, MakeTracker])[] = [
  ['webhook', t => openWebhook(t)],
  ['github', t => openGithub(t)],
  ['gitlab', t => openGitlab(t)],
  ['jira cloud', t => openJira(t, 'cloud')],
  ['jira data center', t => openJira(t, 'datacenter')],
  ['slack', t => openSlack(t)],
  ['pagerduty', t => openPagerduty(t)],
  ['servicenow', t => openServicenow(t)],
]

const told: (readonly [string, ReadonlyMap<string, string>])[] = []

// They wait more than they work.
describe('ticket targets', { concurrency: 3 }, () => {
  for (const [name, make] of trackers) told.push([name, ticketContract(name, make)])
})

test('every target has been through every case', t => {
  const all = [...new Set(told.flatMap(([, cases]) => [...cases.keys()]))]
  t.diagnostic(`${told.length} targets × ${all.length} cases`)
  for (const one of all) t.diagnostic(`${one}: ${told.map(([name, cases]) => `${name} ${cases.get(one)}`).join(', ')}`)
  for (const [name, cases] of told) {
    assert.deepEqual([...cases.keys()].toSorted(), all.toSorted(), name)
    assert.ok(![...cases.values()].includes('failed'), name)
  }
})
