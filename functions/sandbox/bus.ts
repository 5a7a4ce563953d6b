import { randomUUID } from 'node:crypto'
import type { Clock } from '../core/ports.ts'
import type { Call, Service } from './calls.ts'
import type { Cloud } from './cloud.ts'
import { settle } from './ec2/lifecycle.ts'

/** Calls that change nothing; CloudTrail hands on only those that do. */
const READING = /^(?:Describe|Get|List|Lookup|Search)/

/** Services whose calls are management events here; the rest are data events, which are not handed on. */
const RECORDED: ReadonlySet<Service> = new Set(['ec2', 'iam', 'autoscaling', 'elasticloadbalancing', 'route53resolver'])

/** A call with what the trail must know of it besides. */
export interface Recorded {
  readonly call: Call
  readonly accessKey: string
  readonly body: Buffer
  /** As it was answered; absent where the connection broke. */
  readonly answer: Buffer | undefined
}

/**
 * The account's event bus: what CloudTrail records of changing calls, and what EC2 says of instances and snapshots, in virtual
 * time. Whoever listens gets each event once, in the order in which it came about; a real bus promises neither.
 */
export function createBus(cloud: Cloud, clock: Clock) {
  const listeners = new Set<(event: unknown) => void>()
  /** Snapshots that were asked for together: all of them, by each. */
  const sets = new Map<string, readonly string[]>()

  function put(source: string, type: string, resources: readonly string[], detail: unknown): void {
    const event = {
      version: '0',
      id: randomUUID(),
      'detail-type': type,
      source,
      account: cloud.account,
      time: isoOf(clock.now()),
      region: cloud.region,
      resources,
      detail,
    }
    for (const listener of listeners) listener(event)
  }

  const arnOfSnapshot = (id: string) => `arn:aws:ec2::${cloud.region}:snapshot/${id}`

  function onSnapshot(id: string): void {
    const set = sets.get(id) ?? [id]
    const snapshots = set.flatMap(one => cloud.snapshots.get(one) ?? [])
    if (snapshots.some(({ state }) => state === 'pending')) return
    put('aws.ec2', 'EBS Multi-Volume Snapshots Completion Status', set.map(arnOfSnapshot), {
      event: 'createSnapshots',
      result: snapshots.every(({ state }) => state === 'completed') ? 'succeeded' : 'failed',
      cause: '',
      'request-id': '',
      startTime: isoOf(Math.min(...snapshots.map(({ startedAt }) => startedAt))),
      endTime: isoOf(clock.now()),
      snapshots: snapshots.map(({ id: snapshot, volume, state }) => ({
        snapshot_id: arnOfSnapshot(snapshot),
        source: `arn:aws:ec2::${cloud.region}:volume/${volume}`,
        status: state,
      })),
    })
  }

  cloud.changed.push(({ action, target }) => {
    if (action === 'SnapshotCompleted') onSnapshot(target)
    const [, state] = /^Instance (\w+)$/.exec(action) ?? []
    if (state === undefined) return
    const arn = `arn:aws:ec2:${cloud.region}:${cloud.account}:instance/${target}`
    put('aws.ec2', 'EC2 Instance State-change Notification', [arn], { 'instance-id': target, state })
  })

  return {
    listen(listener: (event: unknown) => void): void {
      listeners.add(listener)
    },
    /** What another service has to tell, as it would put it on the bus. */
    tell(event: unknown): void {
      for (const listener of listeners) listener(event)
    },
    /** Brings about what was due by now; otherwise that waits for the next call. */
    settle: () => settle(cloud, clock.now()),
    record({ call, accessKey, body, answer }: Recorded): void {
      const { service, action, outcome, by } = call
      if (!RECORDED.has(service) || READING.test(action) || outcome === 'dropped') return
      if (action === 'CreateSnapshots' && outcome === 'ok') {
        const made = [...String(answer).matchAll(/<snapshotId>([\w-]{1,64})</g)].map(([, id = '']) => id)
        for (const id of made) sets.set(id, made)
      }
      put(`aws.${service}`, 'AWS API Call via CloudTrail', [], {
        eventVersion: '1.11',
        userIdentity: identityOf(cloud, accessKey, by),
        eventTime: isoOf(clock.now()),
        eventSource: `${service}.amazonaws.com`,
        eventName: action,
        awsRegion: cloud.region,
        sourceIPAddress: '192.0.2.1',
        userAgent: 'sandbox',
        ...(outcome === 'ok' ? {} : { errorCode: `Client.${outcome}` }),
        requestParameters: parametersOf(service, body.toString()),
        responseElements: null,
        requestID: randomUUID(),
        eventID: randomUUID(),
        readOnly: false,
        eventType: 'AwsApiCall',
        managementEvent: true,
        recipientAccountId: cloud.account,
        eventCategory: 'Management',
      })
    },
  }
}

export type Bus = ReturnType<typeof createBus>

/** CloudTrail writes whole seconds. */
function isoOf(time: number): string {
  return `${new Date(time).toISOString().slice(0, 19)}Z`
}

/** The unique id of a role in the sandbox. */
export function roleIdOf(name: string): string {
  return `AROASANDBOX${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '')}`
}

function identityOf({ account, sessions }: Cloud, accessKey: string, by: string | undefined) {
  const session = sessions?.get(accessKey)
  const role = by === undefined ? session?.role : by
  if (role === undefined) {
    const user = { type: 'IAMUser', principalId: 'AIDASANDBOX', arn: `arn:aws:iam::${account}:user/admin` }
    return { ...user, accountId: account, accessKeyId: accessKey, userName: 'admin' }
  }
  const name = by === undefined ? (session?.instance ?? '') : `firebreak-${by}`
  return {
    type: 'AssumedRole',
    principalId: `${roleIdOf(role)}:${name}`,
    arn: `arn:aws:sts::${account}:assumed-role/${role}/${name}`,
    accountId: account,
    accessKeyId: accessKey,
    sessionContext: {
      sessionIssuer: {
        type: 'Role',
        principalId: roleIdOf(role),
        arn: `arn:aws:iam::${account}:role/${role}`,
        accountId: account,
        userName: role,
      },
      attributes: { creationDate: '2026-01-01T00:00:00Z', mfaAuthenticated: 'false' },
    },
  }
}

/** How CloudTrail calls a list of EC2's, and what stands in it. */
const SETS: Readonly<Record<string, readonly [string, string]>> = {
  SecurityGroupId: ['groupSet', 'groupId'],
  InstanceId: ['instancesSet', 'instanceId'],
  ResourceId: ['resourcesSet', 'resourceId'],
  Tag: ['tagSet', ''],
  IpPermissions: ['ipPermissions', ''],
}

interface Node {
  [name: string]: string | Node
}

/** Near enough to CloudTrail's, which has another shape for each call: names begin small, lists stand under `items`. */
function parametersOf(service: Service, body: string): unknown {
  if (service === 'route53resolver') return JSON.parse(body)
  const tree: Node = {}
  for (const [name, value] of new URLSearchParams(body)) {
    if (name === 'Action' || name === 'Version') continue
    const path = name.split('.')
    const last = path.pop() ?? ''
    let node = tree
    for (const part of path) {
      const next = node[part]
      const within = typeof next === 'object' ? next : {}
      node[part] = within
      node = within
    }
    node[last] = value
  }
  return shaped(tree)
}

function shaped(node: Node): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => {
      const small = name.charAt(0).toLowerCase() + name.slice(1)
      if (typeof value === 'string') return [small, value]
      const keys = Object.keys(value)
      if (!keys.every(key => /^\d+$/.test(key))) return [small, shaped(value)]
      const [set, item] = SETS[name] ?? [`${small}Set`, small]
      const items = Object.values(value).map(one => (typeof one === 'string' ? { [item]: one } : shaped(one)))
      return [set, { items }]
    }),
  )
}
