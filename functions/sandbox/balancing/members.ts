import type { AutoScalingGroup, ClassicBalancer, Cloud, TargetGroup } from '../cloud.ts'

/** Virtual milliseconds: the default of deregistration_delay.timeout_seconds. */
export const DRAINING = 300_000

/** Puts a member that came into service into its group's target groups and classic load balancers. */
export function registerMember(cloud: Cloud, group: AutoScalingGroup, instance: string): void {
  const { targetGroups, balancers } = balancedBy(cloud, group)
  for (const { targets, port } of targetGroups) {
    const known = targets.find(one => one.id === instance && one.port === port)
    if (known) delete known.drainsUntil
    else targets.push({ id: instance, port })
  }
  for (const one of balancers) if (!one.instances.includes(instance)) one.instances.push(instance)
}

/** Takes a member that leaves service out of them. */
export function deregisterMember(cloud: Cloud, group: AutoScalingGroup, instance: string, now: number): void {
  const { targetGroups, balancers } = balancedBy(cloud, group)
  for (const { targets } of targetGroups)
    for (const one of targets) if (one.id === instance) one.drainsUntil ??= now + DRAINING
  for (const one of balancers) one.instances = one.instances.filter(id => id !== instance)
}

function balancedBy(
  cloud: Cloud,
  group: AutoScalingGroup,
): { targetGroups: TargetGroup[]; balancers: ClassicBalancer[] } {
  return {
    targetGroups: group.targetGroups.flatMap(arn => cloud.targetGroups?.get(arn) ?? []),
    balancers: group.balancers.flatMap(name => cloud.balancers?.get(name) ?? []),
  }
}
