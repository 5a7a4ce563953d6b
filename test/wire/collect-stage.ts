import { ec2Instances } from '../../functions/clouds/aws/describe.ts'
import { ec2Clients } from '../../functions/clouds/aws/ec2.ts'
import { evidenceStore } from '../../functions/clouds/aws/evidence-store.ts'
import { logSearch } from '../../functions/clouds/aws/log-search.ts'
import { type CollectSettings, collect } from '../../functions/clouds/aws/steps/collect.ts'
import type { Incident } from '../../functions/core/incident.ts'
import type { Work } from '../../functions/core/ports.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import { addInstance, addInterface, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { startSandbox } from '../../functions/sandbox/front.ts'
import { createLogStore } from '../../functions/sandbox/logs/store.ts'
import type { Bucket } from '../../functions/sandbox/s3/objects.ts'
import { incidentOf, quiet, signal } from './ec2-stage.ts'

export const START = Date.UTC(2026, 0, 2, 12)
export const BUCKET = 'example-evidence'
export const FLOW = '/example/flow'
export const DNS = '/example/dns'
export const FIREWALL = '/example/firewall'

const IN_SECONDS = START / 1000

/** A cloud with one instance of two interfaces, its logs and a bucket, and the step with real clients before it. */
export async function setCollectStage({
  lock = {},
  settings = {},
}: {
  readonly lock?: Bucket['lock'] | undefined
  readonly settings?: Partial<CollectSettings>
} = {}) {
  const clock = createClock(START)
  const cloud = emptyCloud()
  addInstance(cloud, { name: 'a1', host: 10, volumes: 2 })
  addInterface(cloud, { name: 'a2', host: 11, subnet: 'subnet-b' }, 'i-a1', 1)
  addInstance(cloud, { name: 'b1', host: 20 })
  const logs = createLogStore()
  const none = { ec2: 0, s3: 0, logs: 0 }
  const sandbox = await startSandbox({ clock, cloud, logs, latencies: none })
  const bucket = sandbox.createBucket(BUCKET, lock)
  // Retries wait, and here nothing is gained by waiting.
  const clients = { ec2: ec2Clients(sandbox.environment, { maxAttempts: 2 }) }
  const store = evidenceStore(sandbox.environment, { maxAttempts: 2 })
  const search = logSearch(sandbox.environment, { maxAttempts: 2 })
  const groups = [
    { group: FLOW, source: 'aws-vpc-flow' },
    { group: DNS, source: 'aws-resolver' },
    { group: FIREWALL, source: 'aws-network-firewall' },
  ]
  for (const { group } of groups) logs.create(group)
  const step = collect(
    clients.ec2,
    { store, logs: search, clock },
    { lockDays: 30, collect: { bucket: BUCKET, prefix: 'firebreak/', logGroups: groups }, ...settings },
  )
  const description = await ec2Instances(clients.ec2, cloud.region, quiet).describe('i-a1', 'vpc-1', signal())
  if (!description) throw new Error('Cannot stage i-a1: the cloud does not know it')
  const sign = { rule: 'reverse-tunnel', family: 'identity', points: 100, detail: '', own: true } as const
  const incident = incidentOf(description, {
    quarantine: 'sg-quarantine',
    findings: [
      {
        ...{
          id: 'f'.repeat(64),
          at: START,
          decision: 'isolate',
          score: 100,
          account: cloud.account,
          region: cloud.region,
        },
        instance: 'i-a1',
        signals: [{ ...sign, first: IN_SECONDS - 600, last: IN_SECONDS - 60 }],
        ...{ peers: [], exhibits: [], drill: false },
      },
    ],
  })
  return {
    clock,
    cloud,
    logs,
    sandbox,
    bucket,
    store,
    step,
    incident,
    /** Puts records into a log group, a minute apart, the last one a minute ago. */
    write(group: string, stream: string, ...messages: readonly string[]): void {
      const records = messages.map((message, index) => ({
        timestamp: START - (messages.length - index) * 60_000,
        message,
      }))
      logs.put({ group, stream, records, at: START })
    },
    /** By file name. */
    kept(): Record<string, string> {
      const files = [...bucket.objects].map(([key, versions]) => [
        key.replace(`firebreak/${incident.id}/`, ''),
        versions.map(({ bytes }) => bytes.toString()).join(),
      ])
      return Object.fromEntries(files)
    },
    work: (about: Incident = incident, attempt = 1): Work => ({ incident: about, attempt, signal: signal() }),
    async [Symbol.asyncDispose]() {
      clients.ec2.destroy()
      store.destroy()
      search.destroy()
      await sandbox.close()
    },
  }
}
