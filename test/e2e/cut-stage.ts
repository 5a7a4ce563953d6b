import assert from 'node:assert/strict'
import { EC2Client } from '@aws-sdk/client-ec2'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { readJournal } from '../../functions/core/journal.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { giveCredentials } from '../../functions/sandbox/iam/sessions.ts'
import { brokenOut, groupsOf, playToFinding, startBreakout } from '../faults/stage.ts'

export interface Cut {
  readonly deployment: Deployment
  readonly instance: string
  readonly original: ReturnType<typeof groupsOf>
  incident(): Promise<Incident>
  /** All lines of its journal. */
  told(): Promise<string[]>
  /** What happens until nobody has anything to do any more; the schedule is never among it. */
  goOn(): Promise<void>
}

/** The breakout, found and cut. */
export async function withCut(what: (cut: Cut) => Promise<void>): Promise<void> {
  const deployment = await startBreakout()
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  const instance = brokenOut(deployment)
  const original = groupsOf(deployment)
  const incident = async () => {
    const held = await loadIncident(adapters.ledger, instance)
    assert.ok(held)
    return held.incident
  }
  const told = async () =>
    (await readJournal(adapters.ledger, (await incident()).id)).flatMap(({ lines }) =>
      lines.map(({ kind, text }) => `${kind}: ${text}`),
    )
  async function goOn(): Promise<void> {
    for (let rounds = 0; rounds < 20; rounds++) {
      const { handled } = await deployment.respond()
      if (handled + (await deployment.changes()) === 0) return
    }
    assert.fail('it goes round for ever')
  }
  try {
    await playToFinding(deployment)
    await goOn()
    await what({ deployment, instance, original, incident, told, goOn })
  } finally {
    adapters.close()
    await deployment.close()
  }
}

/** EC2 as somebody reaches it with credentials that another instance of the fleet was given, whose role may do too much. */
export function intruder({ built, environment }: Deployment): EC2Client {
  const other = built.members.find(({ name }) => name === 'agent')?.instance ?? ''
  const role = built.cloud.roles?.get(built.cloud.instances.get(other)?.role ?? '')
  const statement = { Effect: 'Allow', Action: 'ec2:*', Resource: '*' }
  role?.policies.set('too-much', JSON.stringify({ Version: '2012-10-17', Statement: [statement] }))
  const credentials = giveCredentials(built.cloud, other)
  assert.ok(credentials)
  return new EC2Client({ endpoint: environment.AWS_ENDPOINT_URL, region: environment.AWS_REGION, credentials })
}

export const isCut = ({
  groups,
  quarantine,
}: {
  groups: Record<string, readonly string[]>
  quarantine: string | undefined
}) => Object.values(groups).every(held => held.length === 1 && held[0] === quarantine)
