import assert from 'node:assert/strict'
import { ec2Instances } from '../../functions/clouds/aws/describe.ts'
import { awsSteps, type StepSettings } from '../../functions/clouds/aws/registry.ts'
import { stepClients } from '../../functions/clouds/aws/step-clients.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import { createRevoke } from '../../functions/entry/aws/revoke.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { settle } from '../../functions/sandbox/ec2/lifecycle.ts'
import { addAutoScalingGroup, addInstance, addInterface, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { startSandbox } from '../../functions/sandbox/front.ts'
import { invocationOf } from '../../functions/sandbox/lambda.ts'
import { runScript } from './command-lines.ts'
import { allow, incidentOf, quiet, refuse, signal } from './ec2-stage.ts'

const MINUTE = 60_000
const PEER = '203.0.113.9'
const WEB = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/73e2d6bc24d8a067'
const ADDRESSES = 'arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/metrics/73e2d6bc24d8a067'

const SETTINGS: StepSettings = {
  stopWhenNeeded: true,
  dropAssigned: true,
  lockDays: 30,
  dnsCovered: true,
  credentials: { roles: ['agents/worker'], removeProfile: true },
}

/** One instance with all that a step may take away, and every service that a step asks. */
export async function setUndoStage({ settings = {} }: Pick<Case, 'settings'> = {}) {
  const cloud = emptyCloud()
  const policies = new Map([['work', '{"Version":"2012-10-17","Statement":[]}']])
  cloud.roles = new Map([['worker', { name: 'worker', path: '/agents/', policies }]])
  addInstance(cloud, { name: 'agent', host: 10, publicAddress: '198.51.100.7', volumes: 2 })
  addInterface(cloud, { name: 'second', subnet: 'subnet-b', host: 11, groups: ['sg-open', 'sg-agents'] }, 'i-agent', 1)
  Object.assign(cloud.instances.get('i-agent') ?? {}, { role: 'worker', shutdown: 'terminate' })
  const group = { type: 'instance' as const, vpc: 'vpc-1' }
  cloud.targetGroups = new Map([
    [WEB, { ...group, arn: WEB, name: 'web', port: 80, targets: [{ id: 'i-agent', port: 8080 }] }],
    [
      ADDRESSES,
      { ...group, arn: ADDRESSES, name: 'metrics', type: 'ip', port: 80, targets: [{ id: '10.0.2.11', port: 9100 }] },
    ],
  ])
  cloud.balancers = new Map([['old', { name: 'old', vpc: 'vpc-1', instances: ['i-agent'] }]])
  addAutoScalingGroup(cloud, "agents' own", ['i-agent'])
  const clock = createClock(Date.UTC(2026, 10, 2))
  const sandbox = await startSandbox({ clock, cloud, latencies: { ec2: 0, iam: 0, lambda: 0, route53resolver: 0 } })
  const environment = {
    ...sandbox.environment,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    FIREBREAK_CONFIG: JSON.stringify({
      account: cloud.account,
      table: 'firebreak-ledger',
      queue: 'https://sqs.example.com/orders',
      deadLetters: 'https://sqs.example.com/dead-letters',
      credentials: SETTINGS.credentials,
    }),
  }
  const revoke = createRevoke(environment)
  sandbox.serve('firebreak-revoke', event => revoke(event, invocationOf('firebreak-revoke', 30_000)))
  const clients = stepClients(environment, { ledger: memoryLedger(clock), clock })
  const names = { ...clients.names, nameUse: async () => 'unused' as const }
  const steps = awsSteps({ ...clients, names }, { ...SETTINGS, ...settings })
  const description = await ec2Instances(clients.ec2, cloud.region, quiet).describe('i-agent', 'vpc-1', signal())
  return {
    cloud,
    sandbox,
    steps,
    restorePoint: description ?? assert.fail(),
    /** What is under way comes to its end. */
    pass(minutes: number) {
      clock.advance(minutes * MINUTE)
      settle(cloud, clock.now())
    },
    run: (script: string) =>
      runScript(script, {
        region: cloud.region,
        endpoint: sandbox.endpoint,
        credentials: { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'example' },
      }),
    async [Symbol.asyncDispose]() {
      clients.ec2.destroy()
      clients.scaling.destroy()
      clients.balancing.destroy()
      await sandbox.close()
    },
  }
}

/** All of the cloud but for evidence. Associations have new ids each time; which stands is what counts. */
export function stateOf({ changed: _listeners, snapshots: _evidence, sessions: _keys, ...cloud }: Cloud) {
  const state = structuredClone(cloud)
  for (const one of state.addresses.values()) if (one.association) one.association = 'some'
  return state
}
type State = ReturnType<typeof stateOf>

export interface Case {
  readonly step: string
  /** What the incident says beside its restore point. */
  readonly denials?: Incident['denials']
  readonly names?: readonly string[]
  readonly passes?: number
  readonly settings?: Partial<StepSettings>
  /** Minutes until what was begun is done, after the cut and after the undoing. */
  readonly takes?: number
  /** Leaves out what the step leaves behind by design. */
  readonly apart?: (state: State) => void
}

export const CASES: readonly Case[] = [
  { step: 'swap-groups' },
  { step: 'deny-peers', denials: [allow('acl-a', PEER), allow('acl-b', PEER)] },
  { step: 'isolate-subnet', settings: { isolateSubnet: true } },
  { step: 'public-addresses', denials: [refuse('acl-a', PEER)] },
  {
    step: 'stop',
    denials: [refuse('acl-a', '10.0.1.77')],
    takes: 2,
    // The group replaces what does not run, whatever is undone: that is what the step autoscaler is for.
    apart: state => {
      delete state.autoscaling
    },
  },
  { step: 'protect' },
  { step: 'revoke-credentials' },
  {
    step: 'deny-names',
    names: ['t.example.com'],
    // Without rules the group denies nothing and may stay.
    apart: state => {
      const { groups, associations } = state.firewall ?? { groups: new Map(), associations: new Map() }
      assert.deepEqual(
        [...groups.values()].flatMap(({ rules }) => rules),
        [],
      )
      groups.clear()
      associations.clear()
      if (state.firewall?.lists.size === 0) delete state.firewall
    },
  },
  { step: 'metadata-service' },
  { step: 'load-balancers', passes: 2 },
  {
    step: 'autoscaler',
    takes: 3,
    // The group had replaced the instance, so it is one larger.
    apart: state => {
      const agents = state.autoscaling?.get("agents' own") ?? assert.fail()
      for (const [id] of agents.members) if (id !== 'i-agent') agents.members.delete(id)
      agents.desired = 1
      for (const [id] of state.instances) if (id !== 'i-agent') state.instances.delete(id)
      const strangers = [...state.interfaces.values()].filter(one => one.instance !== 'i-agent')
      for (const { id } of strangers) state.interfaces.delete(id)
      for (const [id, { instance }] of state.volumes) if (instance !== 'i-agent') state.volumes.delete(id)
    },
  },
]

export function incidentFor({ denials = [], names = [] }: Case, restorePoint: Incident['restorePoint'] & {}): Incident {
  const signals = names.map(name => ({
    ...{ rule: 'dns-tunnel', family: 'shape' as const, points: 80, first: 1, last: 2, own: true, detail: '' },
    name,
  }))
  const { account, region, instance } = restorePoint
  const finding = {
    ...{ id: 'f'.repeat(64), at: 0, decision: 'isolate' as const, score: 120, account, region, instance },
    ...{ signals, peers: [], exhibits: [], drill: false },
  }
  return incidentOf(restorePoint, { denials: [...denials], findings: [finding], quarantine: 'sg-quarantine' })
}
