import { deregisterMember, registerMember } from '../balancing/members.ts'
import { type AutoScalingGroup, announce, type Cloud, type GroupMember, type NetworkInterface } from '../cloud.ts'
import { newId } from '../ec2/lookup.ts'
import { defaultMetadata } from '../ec2/metadata-options.ts'

/** Virtual milliseconds; inference. */
const PASSING = 30_000

export const GROUP_TAG = 'aws:autoscaling:groupName'

/**
 * What groups do of themselves up to now: passing states end, an instance that is unhealthy, too many or in the way of a
 * refresh is terminated, whatever protects it, and one that is missing is launched.
 */
export function tick(cloud: Cloud, now: number): void {
  for (const group of cloud.autoscaling?.values() ?? []) {
    for (const [id, member] of group.members) settle(cloud, group, id, member, now)
    for (const [id, member] of group.members)
      if (isFailing(cloud, group, id, member, now)) terminate(cloud, group, id, now)
    if (group.refresh?.standby === 'Terminate')
      for (const [id, member] of group.members) if (member.lifecycle === 'Standby') terminate(cloud, group, id, now)
    scale(cloud, group, now)
  }
}

/** Lets a member go from one state to another, which takes its time. */
export function begin(
  cloud: Cloud,
  group: AutoScalingGroup,
  id: string,
  lifecycle: 'Pending' | 'EnteringStandby' | 'Detaching' | 'Terminating',
  now: number,
): void {
  const member = group.members.get(id)
  if (!member) return
  member.lifecycle = lifecycle
  member.settlesAt = now + PASSING
  delete member.failingSince
  if (lifecycle !== 'Pending') deregisterMember(cloud, group, id, now)
}

function settle(cloud: Cloud, group: AutoScalingGroup, id: string, member: GroupMember, now: number): void {
  if (member.settlesAt === undefined || member.settlesAt > now) return
  delete member.settlesAt
  if (member.lifecycle === 'Pending') {
    member.lifecycle = 'InService'
    registerMember(cloud, group, id)
  } else if (member.lifecycle === 'EnteringStandby') member.lifecycle = 'Standby'
  else {
    group.members.delete(id)
    const tags = cloud.instances.get(id)?.tags
    if (tags) delete tags[GROUP_TAG]
  }
}

/** Only what is in service is checked (Auto Scaling User Guide, "Temporarily remove instances"). */
function isFailing(
  cloud: Cloud,
  { healthCheck, unhealthyAfter }: AutoScalingGroup,
  id: string,
  member: GroupMember,
  now: number,
): boolean {
  if (member.lifecycle !== 'InService') return false
  const runs = cloud.instances.get(id)?.state === 'running'
  if (runs && (healthCheck === 'EC2' || isReachable(cloud, id))) {
    delete member.failingSince
    return false
  }
  member.failingSince ??= now
  return now - member.failingSince >= unhealthyAfter
}

/** Whether anything at all may come in, health checks of a load balancer among it. */
export function isReachable({ interfaces, groups }: Cloud, instance: string): boolean {
  const admits = ({ groups: ids }: NetworkInterface) => ids.some(id => (groups.get(id)?.ingress.length ?? 0) > 0)
  return [...interfaces.values()].some(one => one.instance === instance && admits(one))
}

/** Termination protection keeps no autoscaler off (EC2 User Guide, "Change instance termination protection"). */
function terminate(cloud: Cloud, group: AutoScalingGroup, id: string, now: number): void {
  begin(cloud, group, id, 'Terminating', now)
  const instance = cloud.instances.get(id)
  if (!instance || instance.state === 'terminated') return
  instance.state = 'shutting-down'
  instance.settlesAt = now + PASSING
  announce(cloud, 'TerminateInstances', id)
}

function scale(cloud: Cloud, group: AutoScalingGroup, now: number): void {
  const active = [...group.members].filter(([, { lifecycle }]) => lifecycle === 'Pending' || lifecycle === 'InService')
  const launchedAt = (id: string) => cloud.instances.get(id)?.launchedAt ?? 0
  const leaving = active
    .filter(([, member]) => !member.protectedFromScaleIn)
    .toSorted(([a], [b]) => launchedAt(a) - launchedAt(b))
    .slice(0, Math.max(0, active.length - group.desired))
  for (const [id] of leaving) terminate(cloud, group, id, now)
  for (let missing = group.desired - active.length; missing > 0; missing--) launch(cloud, group, now)
}

function launch(cloud: Cloud, { name, template, members }: AutoScalingGroup, now: number): void {
  const id = newId('i')
  const subnet = cloud.subnets.get(template.subnet)
  if (!subnet) return
  cloud.instances.set(id, {
    id,
    state: 'pending',
    settlesAt: now + PASSING,
    type: template.type,
    launchedAt: now,
    spot: false,
    ...(template.role === undefined ? {} : { role: template.role }),
    terminationProtection: false,
    stopProtection: false,
    shutdown: 'terminate',
    metadata: defaultMetadata(),
    tags: { ...template.tags, [GROUP_TAG]: name },
  })
  const networkInterface = newId('eni')
  cloud.interfaces.set(networkInterface, {
    id: networkInterface,
    subnet: subnet.id,
    vpc: subnet.vpc,
    instance: id,
    attachment: newId('eni-attach'),
    deviceIndex: 0,
    deleteOnTermination: true,
    groups: [...template.groups],
    address: freeAddress(cloud, subnet.cidr),
    ipv6: [],
    tags: {},
  })
  const volume = newId('vol')
  const root = { size: 8, instance: id, device: '/dev/xvda', deleteOnTermination: true, tags: {} }
  cloud.volumes.set(volume, { id: volume, ...root })
  members.set(id, { lifecycle: 'Pending', settlesAt: now + PASSING, protectedFromScaleIn: false })
  announce(cloud, 'RunInstances', id)
}

function freeAddress({ interfaces }: Cloud, cidr: string): string {
  const taken = new Set([...interfaces.values()].map(({ address }) => address))
  const network = cidr.slice(0, cidr.lastIndexOf('.'))
  for (let host = 254; host > 3; host--) if (!taken.has(`${network}.${host}`)) return `${network}.${host}`
  throw new RangeError(`Cannot launch an instance: ${cidr} is full`)
}
