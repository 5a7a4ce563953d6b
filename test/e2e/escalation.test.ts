import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import { createPlayer } from '../../functions/cli/drill/play.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { readJournal } from '../../functions/core/journal.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { readScenario } from '../../functions/sandbox/scenario/scenario.ts'

const scenario = readScenario(new URL('inside-session.json', import.meta.url))
const timeout = 240_000

/** Plays the session inside the subnet to its end. `stop` as the configuration has it. */
async function withPlayed(stop: boolean, what: (played: Played) => Promise<void>): Promise<void> {
  const zero = { ec2: 0, dynamodb: 0, sqs: 0, iam: 0, lambda: 0, autoscaling: 0, elasticloadbalancing: 0 }
  const deployment = await deploy(scenario, {
    latencies: { ...zero, logs: 0, s3: 0 },
    rules: { score: { alert: 70, isolate: 70 } },
    settings: { escalation: { stop, afterMinutes: 5 } },
  })
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    const { network } = deployment
    const severities: number[] = []
    const noted = deployment.tracker.onAnswer(() => {
      const [ticket] = deployment.tracker.tickets()
      if (ticket && ticket.severity !== severities.at(-1)) severities.push(ticket.severity)
    })
    const player = createPlayer(deployment, { say: () => {}, changed: async () => {} })
    await player.advance(network.live + scenario.live)
    await player.verify()
    noted()
    const instance = deployment.built.members.find(({ name }) => name === 'rome')?.instance ?? ''
    const held = await loadIncident(adapters.ledger, instance)
    assert.ok(held)
    const journal = await readJournal(adapters.ledger, held.incident.id)
    const lines = journal.flatMap(entry => entry.lines)
    await what({ deployment, instance, incident: held.incident, lines, severities })
  } finally {
    adapters.close()
    await deployment.close()
  }
}

interface Played {
  readonly deployment: Deployment
  readonly instance: string
  readonly incident: NonNullable<Awaited<ReturnType<typeof loadIncident>>>['incident']
  readonly lines: readonly { readonly kind: string; readonly text: string }[]
  /** Those that the ticket had, each as it came. */
  readonly severities: readonly number[]
}

test("bytes that pass after the deadline raise the ticket's severity where no stop is configured", {
  timeout,
}, async () => {
  await withPlayed(false, async ({ deployment, instance, incident, lines, severities }) => {
    assert.equal(incident.cut.state, 'new-flows-only')
    assert.equal(deployment.built.cloud.instances.get(instance)?.state, 'running')
    assert.equal(lines.filter(({ kind }) => kind === 'escalated').length, 1)
    assert.match(incident.escalated?.reason ?? '', /^\d+ bytes passed on eni-\w+ more than 5 minutes after the cut/)
    assert.deepEqual(severities.slice(-2), [4, 5])
    const [ticket] = deployment.tracker.tickets()
    assert.match(ticket?.markdown ?? '', /\*\*Bytes still pass\.\*\*/)
    assert.match(ticket?.markdown ?? '', /Stop the instance now/)
  })
})

test('bytes that pass after the deadline stop the instance where that is configured, and not before', {
  timeout,
}, async () => {
  await withPlayed(true, async ({ deployment, instance, incident, lines, severities }) => {
    assert.equal(deployment.built.cloud.instances.get(instance)?.state, 'stopped')
    assert.match(incident.steps['stop']?.done.join() ?? '', /since nothing else ends what passes after the deadline/)
    const escalated = lines.findIndex(({ kind }) => kind === 'escalated')
    const stopped = lines.findIndex(({ text }) => text.startsWith('Stopped the instance'))
    assert.ok(escalated >= 0 && stopped > escalated, JSON.stringify(lines))
    assert.deepEqual(severities.slice(-1), [3])
    assert.equal(incident.cut.state, 'cut')
  })
})
