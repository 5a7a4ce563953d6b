import { isReachable } from '../autoscaling/tick.ts'
import { announce, type Cloud, type Target, type TargetGroup } from '../cloud.ts'
import type { Parameters } from '../ec2/parameters.ts'
import { Refusal } from '../ec2/refusal.ts'
import type { Tree } from '../ec2/xml.ts'
import { DRAINING } from './members.ts'
import { page } from './pages.ts'

export function describeTargetGroups(cloud: Cloud, parameters: Parameters): Tree {
  const { items, marker } = page([...(cloud.targetGroups?.values() ?? [])], parameters)
  return {
    TargetGroups: items.map(({ arn, name, type, vpc, port }) => ({
      TargetGroupArn: arn,
      TargetGroupName: name,
      Protocol: 'HTTP',
      Port: port,
      VpcId: vpc,
      TargetType: type,
    })),
    NextMarker: marker,
  }
}

function groupOf({ targetGroups }: Cloud, parameters: Parameters): TargetGroup {
  const arn = parameters.required('TargetGroupArn')
  const group = targetGroups?.get(arn)
  if (!group) throw new Refusal('TargetGroupNotFound', `Target groups '${arn}' not found`)
  return group
}

function givenTargets({ port }: TargetGroup, parameters: Parameters): Target[] {
  return parameters.structures('Targets.member').map(one => {
    const zone = one.text('AvailabilityZone')
    return { id: one.required('Id'), port: one.whole('Port') ?? port, ...(zone === undefined ? {} : { zone }) }
  })
}

function same(a: Target, b: Target): boolean {
  return a.id === b.id && a.port === b.port
}

function forget(group: TargetGroup, now: number): void {
  group.targets = group.targets.filter(({ drainsUntil = Infinity }) => drainsUntil > now)
}

export function describeTargetHealth(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  forget(group, now)
  const asked = givenTargets(group, parameters)
  const told = asked.length === 0 ? group.targets : asked
  return {
    TargetHealthDescriptions: told.map(one => {
      const target = group.targets.find(held => same(held, one))
      return {
        Target: { Id: one.id, Port: one.port, AvailabilityZone: target?.zone },
        HealthCheckPort: String(one.port),
        TargetHealth: healthOf(cloud, target),
      }
    }),
  }
}

function healthOf(cloud: Cloud, target: Target | undefined): Tree {
  if (!target)
    return {
      State: 'unused',
      Reason: 'Target.NotRegistered',
      Description: 'Target is not registered to the target group',
    }
  if (target.drainsUntil !== undefined)
    return {
      State: 'draining',
      Reason: 'Target.DeregistrationInProgress',
      Description: 'Target deregistration is in progress',
    }
  const holder = cloud.instances.get(target.id)?.id ?? holderOf(cloud, target.id)
  if (holder !== undefined && isReachable(cloud, holder)) return { State: 'healthy' }
  return { State: 'unhealthy', Reason: 'Target.Timeout', Description: 'Request timed out' }
}

function holderOf({ interfaces }: Cloud, address: string): string | undefined {
  return [...interfaces.values()].find(one => one.address === address || one.ipv6.includes(address))?.instance
}

/** Of a target that is not registered it says nothing (DeregisterTargets). */
export function deregisterTargets(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  for (const given of givenTargets(group, parameters))
    for (const one of group.targets) if (same(one, given)) one.drainsUntil ??= now + DRAINING
  announce(cloud, 'DeregisterTargets', group.arn)
  return {}
}

/** All of them or none. A target that is registered already stays so. */
export function registerTargets(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  const given = givenTargets(group, parameters)
  for (const { id } of given) {
    const state = cloud.instances.get(id)?.state
    if (group.type !== 'instance') continue
    if (state === undefined)
      throw new Refusal('InvalidTarget', `The following targets are not valid instances: '${id}'`)
    if (state !== 'running')
      throw new Refusal(
        'InvalidTarget',
        `The following targets are not in a running state and cannot be registered: '${id}'`,
      )
  }
  forget(group, now)
  for (const one of given) {
    const known = group.targets.find(held => same(held, one))
    if (known) delete known.drainsUntil
    else group.targets.push(one)
  }
  announce(cloud, 'RegisterTargets', group.arn)
  return {}
}
