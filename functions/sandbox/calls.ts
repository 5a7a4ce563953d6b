export type Service =
  | 'ec2'
  | 'dynamodb'
  | 'sqs'
  | 'iam'
  | 'lambda'
  | 'sts'
  | 'autoscaling'
  | 'elasticloadbalancing'
  | 'route53resolver'
  | 'logs'
  | 's3'

const SERVICES: readonly string[] = [
  'ec2',
  'dynamodb',
  'sqs',
  'iam',
  'lambda',
  'sts',
  'autoscaling',
  'elasticloadbalancing',
  'route53resolver',
  'logs',
  's3',
] satisfies Service[]

export function isService(name: string | undefined): name is Service {
  return name !== undefined && SERVICES.includes(name)
}

/** A call as the server saw it. Times as `performance.now()` gives them, in milliseconds. */
export interface Call {
  /** Counted from 1, in the order in which calls came. */
  n: number
  service: Service
  action: string
  /** What it was about: an instance, an interface, an ACL, a table and key, a queue. */
  target?: string
  /** The name of whoever was admitted under the access key that signed it. */
  by?: string
  /** Why IAM lets nobody with that key do it. */
  refused?: string
  /** The session token with which it was signed: whose it is among instances of one function. */
  session?: string
  startedAt: number
  /** When the answer was written, or the connection dropped. */
  endedAt: number
  /** `ok`, the error's code, or `dropped`. */
  outcome: string
}

/** The longest chain of calls each of which began after the one before it had ended: sequential round trips. */
export function longestChain(calls: readonly Call[]): Call[] {
  const ordered = calls.toSorted((a, b) => a.endedAt - b.endedAt)
  /** The best chain that ends with each call; those of earlier ends come first, so the best so far only grows. */
  const best: { call: Call; length: number; before: number }[] = []
  const upTo: number[] = []
  for (const [index, call] of ordered.entries()) {
    const count = endedBefore(ordered, call.startedAt)
    const before = count === 0 ? -1 : (upTo[count - 1] ?? -1)
    best.push({ call, length: (best[before]?.length ?? 0) + 1, before })
    const longest = upTo[index - 1]
    upTo.push(longest !== undefined && lengthAt(best, longest) >= lengthAt(best, index) ? longest : index)
  }
  const chain: Call[] = []
  for (let at = upTo.at(-1) ?? -1; at >= 0; at = best[at]?.before ?? -1) {
    const link = best[at]
    if (link) chain.unshift(link.call)
  }
  return chain
}

function lengthAt(best: readonly { length: number }[], index: number): number {
  return best[index]?.length ?? 0
}

/** How many of the calls, in order of their ends, ended no later than the moment. */
function endedBefore(ordered: readonly Call[], moment: number): number {
  let low = 0
  let high = ordered.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((ordered[middle]?.endedAt ?? Infinity) <= moment) low = middle + 1
    else high = middle
  }
  return low
}

/** What a request of a JSON service is about, as far as it says. */
export function jsonTarget(body: Buffer): string | undefined {
  const parsed = parseObject(body)
  const queue = textOf(parsed['QueueUrl'] ?? parsed['QueueName'])
  if (queue !== undefined) return queue.slice(queue.lastIndexOf('/') + 1)
  const group = textOf(parsed['logGroupName'])
  if (group !== undefined) return group
  const table = textOf(parsed['TableName'])
  if (table === undefined) return undefined
  const key = parsed['Key'] ?? parsed['Item']
  const parts = ['pk', 'sk'].flatMap(name => attributeText(key, name) ?? [])
  return [table, ...parts].join(' ')
}

/** The code of a JSON service's error, without its namespace. */
export function jsonOutcome(status: number, body: Buffer): string {
  if (status < 400) return 'ok'
  const code = textOf(parseObject(body)['__type']) ?? `HTTP ${status}`
  return code.slice(code.lastIndexOf('#') + 1)
}

function parseObject(body: Buffer): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(body.toString())
    return isObject(parsed) ? parsed : {}
  } catch {
    // The server behind says what is wrong with it; here it is only about nothing that could be named.
    return {}
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function attributeText(key: unknown, name: string): string | undefined {
  const attribute = isObject(key) ? key[name] : undefined
  return isObject(attribute) ? textOf(attribute['S']) : undefined
}

const EC2_TARGETS = [
  'NetworkInterfaceId',
  'NetworkAclId',
  'InstanceId',
  'InstanceId.1',
  'InstanceSpecification.InstanceId',
  'GroupId',
  'GroupId.1',
  'AssociationId',
  'AllocationId',
  'ResourceId.1',
  'VpcId',
  'SnapshotId',
  'SnapshotId.1',
  'NetworkAclId.1',
  'NetworkInterfaceId.1',
  'Filter.1.Value.1',
]

const QUERY_TARGETS = [
  'RoleName',
  'InstanceProfileName',
  'AutoScalingGroupName',
  'InstanceIds.member.1',
  'TargetGroupArn',
  'LoadBalancerName',
]

/** A request of the Query protocol of a service other than EC2. */
export function queryCall(body: string): { action: string; target: string | undefined } {
  const parameters = new URLSearchParams(body)
  const target = QUERY_TARGETS.flatMap(name => parameters.get(name) ?? [])[0]
  return { action: parameters.get('Action') ?? '', target }
}

export function ec2Call(body: string): { action: string; target: string | undefined } {
  const parameters = new URLSearchParams(body)
  const target = EC2_TARGETS.flatMap(name => parameters.get(name) ?? [])[0]
  return { action: parameters.get('Action') ?? '', target }
}
