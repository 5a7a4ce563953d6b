import type { Description } from './description.ts'
import type { Finding, Peer } from './finding.ts'
import { inventoryKeys } from './inventory.ts'
import type { LookPorts } from './looking.ts'
import { memoryLedger } from './memory-ledger.ts'
import type { Order } from './order.ts'
import { Policy } from './policy.ts'
import type { Ledger, Log, Outcome, Stage, Step, Work } from './ports.ts'
import type { Invocation, RespondPorts, RespondSettings } from './respond-ports.ts'
import { RuleSettings } from './rule-settings.ts'

/** A cloud small enough to hold in one's head, for the engine's tests: one instance, its groups, one ACL. */

export const NOW = 1_800_000_000_000
export const INSTANCE = 'i-0123456789abcdef0'
export const VPC = 'vpc-1'
export const ACL = 'acl-1'

const silent: Log = { info() {}, warn() {}, error() {} }

export function peer(address: string): Peer {
  return { address, port: 22, protocol: 6 }
}

export function findingOf(over: Partial<Finding> = {}): Finding {
  const second = NOW / 1000
  return {
    id: 'f1'.padEnd(64, '0'),
    at: NOW,
    decision: 'isolate',
    score: 120,
    account: '111122223333',
    region: 'eu-west-1',
    instance: INSTANCE,
    placement: { vpc: VPC, interfaces: [{ id: 'eni-1', subnet: 'subnet-1', acl: ACL }] },
    signals: [
      {
        rule: 'mining-pool',
        family: 'identity',
        points: 100,
        first: second - 60,
        last: second,
        own: true,
        detail: 'A pool',
      },
    ],
    peers: [peer('203.0.113.9')],
    exhibits: [],
    drill: false,
    ...over,
  }
}

export interface Engine {
  readonly ports: RespondPorts & Pick<LookPorts, 'account' | 'undo'>
  readonly ledger: Ledger
  readonly settings: RespondSettings
  readonly sent: { lane: string; id: string; order: Order }[]
  /** What the steps did, in order: `swap-groups apply 1`. */
  readonly log: string[]
  /** The cloud's own state. */
  readonly cloud: { groups: string[]; denied: string[]; snapshots: number }
  readonly clock: { now(): number; advance(milliseconds: number): void }
  invocation(owner: string, remaining?: () => number): Invocation
}

export interface EngineOptions {
  readonly policy?: Record<string, unknown>
  readonly ledger?: (ledger: Ledger) => Ledger
  /** Called before a step's effect; throwing is a failure of the cloud. */
  readonly before?: (step: string, work: Work) => void | Promise<void>
}

export async function engineOf({
  policy = {},
  ledger: wrap = one => one,
  before = () => {},
}: EngineOptions = {}): Promise<Engine> {
  let now = NOW
  const clock = {
    now: () => now,
    advance(milliseconds: number) {
      now += milliseconds
    },
  }
  const inner = memoryLedger(clock)
  const ledger = wrap(inner)
  const cloud = { groups: ['sg-agents'], denied: [] as string[], snapshots: 0 }
  const log: string[] = []
  const sent: Engine['sent'] = []

  function step(id: string, stage: Stage, parts: Partial<Step> & { effect(work: Work): Partial<Outcome> }): Step {
    return {
      id,
      stage,
      permissions: [],
      async apply(work) {
        log.push(`${id} apply ${work.attempt}`)
        await before(id, work)
        return { done: [], unable: [], facts: {}, ...parts.effect(work) }
      },
      verify: async () => ({ holds: true, notes: [] }),
      async revert(work) {
        log.push(`${id} revert`)
        return (await parts.revert?.(work)) ?? { done: [], unable: [], facts: {} }
      },
      ...(parts.covers ? { covers: parts.covers } : {}),
    }
  }

  const steps = [
    step('swap-groups', 'contain', {
      effect({ incident }) {
        cloud.groups = [incident.quarantine ?? '']
        return { done: ['Swapped the groups of eni-1'] }
      },
      async revert({ incident }) {
        cloud.groups = [...(incident.restorePoint?.interfaces[0]?.groups ?? [])]
        return { done: ['Put eni-1 back'], unable: [], facts: {} }
      },
    }),
    step('deny-peers', 'contain', {
      covers: ({ denials }) =>
        denials
          .filter(({ allowed }) => allowed)
          .map(one => one.peer)
          .join(' '),
      effect({ incident }) {
        const peers = incident.denials.filter(({ allowed }) => allowed).map(one => one.peer)
        cloud.denied = [...new Set([...cloud.denied, ...peers])]
        return {
          done: peers.map(one => `Denied ${one}`),
          facts: { entries: peers.map(one => `${ACL}/egress/1/${one}/32`) },
        }
      },
      async revert({ incident }) {
        const entries = incident.steps['deny-peers']?.facts['entries']
        const free = Array.isArray(entries) ? entries.map(entry => entry.split('/')[3]) : []
        cloud.denied = cloud.denied.filter(one => !free.includes(one))
        return { done: free.map(one => `No longer denied ${one}`), unable: [], facts: {} }
      },
    }),
    step('snapshot', 'preserve', {
      effect({ attempt }) {
        if (attempt === 1 || cloud.snapshots === 0) cloud.snapshots += 1
        return { done: ['Snapshot snap-1'], facts: { snapshots: ['snap-1'] } }
      },
    }),
    step('console', 'collect', { effect: () => ({ done: ['Console output'] }) }),
  ]

  const description = (): Description => ({
    instance: INSTANCE,
    account: '111122223333',
    region: 'eu-west-1',
    vpc: VPC,
    state: 'running',
    launchedAt: NOW - 86_400_000,
    spot: false,
    tags: { 'firebreak:scope': 'agent' },
    interfaces: [
      {
        id: 'eni-1',
        primary: true,
        subnet: 'subnet-1',
        groups: cloud.groups,
        addresses: ['10.0.0.5'],
        publicAddresses: [],
      },
    ],
    volumes: [{ id: 'vol-1', device: '/dev/xvda', deleteOnTermination: true }],
    acls: [{ id: ACL, subnets: ['subnet-1'], ours: true, entries: [] }],
    protection: {},
  })

  await inner.write(
    inventoryKeys.network(VPC),
    { vpc: VPC, cidrs: ['10.0.0.0/16'], peeredCidrs: [], endpoints: [], quarantine: 'sg-quarantine', seenAt: NOW },
    'any',
  )
  await inner.write(inventoryKeys.scope, { inScope: 100, at: NOW }, 'any')

  return {
    ports: {
      clock,
      ledger,
      queue: { send: async message => void sent.push(message) },
      instances: { describe: async () => description() },
      log: silent,
      metrics: { count() {} },
      steps,
      neighbourUse: async () => 'unused',
      account: '111122223333',
      undo: () => [],
    },
    ledger,
    settings: {
      policy: Policy.parse({ mode: 'enforce', ...policy }),
      denial: { allowList: [], providerRanges: [], proxies: [] },
      rules: RuleSettings.parse({}),
    },
    sent,
    log,
    cloud,
    clock,
    invocation: (owner, remaining = () => 60_000) => ({ owner, remaining }),
  }
}
