import { randomUUID } from 'node:crypto'
import { type AutoScalingGroup, announce, type Cloud, type GroupMember } from '../cloud.ts'
import { settle } from '../ec2/lifecycle.ts'
import { invalid, type Parameters, parseParameters } from '../ec2/parameters.ts'
import { Refusal } from '../ec2/refusal.ts'
import { queryErrorXml, queryXml, type Tree } from '../ec2/xml.ts'
import { begin, GROUP_TAG } from './tick.ts'

export const AUTOSCALING_NAMESPACE = 'http://autoscaling.amazonaws.com/doc/2011-01-01/'

type Action = (cloud: Cloud, parameters: Parameters, now: number) => Tree

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['AttachInstances', attachInstances],
  ['DescribeAutoScalingGroups', describeAutoScalingGroups],
  ['DescribeAutoScalingInstances', describeAutoScalingInstances],
  ['DescribeInstanceRefreshes', describeInstanceRefreshes],
  ['DetachInstances', detachInstances],
  ['EnterStandby', enterStandby],
  ['ExitStandby', exitStandby],
])

/** Amazon EC2 Auto Scaling over the state of a cloud, as the Query protocol of version 2011-01-01 has it. */
export function answerAutoScaling(
  cloud: Cloud,
  body: string,
  now: number,
): { status: number; requestId: string; body: string } {
  const requestId = randomUUID()
  try {
    const parameters = parseParameters(body)
    const action = parameters.text('Action') ?? ''
    const perform = ACTIONS.get(action)
    if (!perform) throw new Refusal('InvalidAction', `Could not find operation ${action} for version 2011-01-01`)
    settle(cloud, now)
    return {
      status: 200,
      requestId,
      body: queryXml(AUTOSCALING_NAMESPACE, action, requestId, perform(cloud, parameters, now)),
    }
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    const { code, message, status } = thrown
    return { status, requestId, body: queryErrorXml(AUTOSCALING_NAMESPACE, code, message, requestId) }
  }
}

function refused(message: string): Refusal {
  return new Refusal('ValidationError', message)
}

function groupOf({ autoscaling }: Cloud, parameters: Parameters): AutoScalingGroup {
  const name = parameters.required('AutoScalingGroupName')
  const group = autoscaling?.get(name)
  if (!group) throw refused(`AutoScalingGroup name not found - AutoScalingGroup ${name} not found`)
  return group
}

function memberOf({ name, members }: AutoScalingGroup, id: string): GroupMember {
  const member = members.get(id)
  if (!member) throw refused(`The instance ${id} is not part of Auto Scaling group ${name}.`)
  return member
}

/** All of them or none. */
function membersIn(group: AutoScalingGroup, parameters: Parameters, states: readonly GroupMember['lifecycle'][]) {
  const ids = parameters.list('InstanceIds.member')
  if (ids.length > 20) throw refused('The number of instances must be at most 20.')
  return ids.map(id => {
    const member = memberOf(group, id)
    if (!states.includes(member.lifecycle)) throw refused(`The instance ${id} is not in ${states.join(' or ')}.`)
    return id
  })
}

/** Whether the desired capacity shrinks by so many; the group's sizes are checked before anything is done. */
function decrement(group: AutoScalingGroup, parameters: Parameters, count: number, purpose: string): number {
  const given = parameters.flag('ShouldDecrementDesiredCapacity')
  if (given === undefined) throw refused("Value null at 'shouldDecrementDesiredCapacity' failed to satisfy constraint")
  const fewer = given ? count : 0
  if (group.desired - fewer < group.min) throw sizes(group, purpose, count)
  return fewer
}

function sizes({ name, min, max, desired }: AutoScalingGroup, purpose: string, count: number): Refusal {
  return refused(
    `AutoScalingGroup ${name} has min-size=${min}, max-size=${max}, and desired-size=${desired}. To ${purpose} ${count} instance, please update the AutoScalingGroup sizes appropriately.`,
  )
}

function activity({ name }: AutoScalingGroup, description: string, now: number): Tree {
  return {
    ActivityId: randomUUID(),
    AutoScalingGroupName: name,
    Description: description,
    Cause: `At ${new Date(now).toISOString()} ${description} in response to a user request.`,
    StartTime: new Date(now),
    StatusCode: 'InProgress',
    Progress: 50,
  }
}

function enterStandby(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  const entering = membersIn(group, parameters, ['InService'])
  group.desired -= decrement(group, parameters, entering.length, 'place into standby')
  for (const id of entering) {
    begin(cloud, group, id, 'EnteringStandby', now)
    announce(cloud, 'EnterStandby', id)
  }
  return { Activities: entering.map(id => activity(group, `Moving EC2 instance to Standby: ${id}`, now)) }
}

function exitStandby(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  const leaving = membersIn(group, parameters, ['Standby'])
  // "After you put the instances back in service, the desired capacity is incremented" (ExitStandby).
  if (group.desired + leaving.length > group.max) throw sizes(group, 'take out of standby', leaving.length)
  group.desired += leaving.length
  for (const id of leaving) {
    begin(cloud, group, id, 'Pending', now)
    announce(cloud, 'ExitStandby', id)
  }
  return { Activities: leaving.map(id => activity(group, `Moving EC2 instance out of Standby: ${id}`, now)) }
}

function detachInstances(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  const leaving = membersIn(group, parameters, ['InService', 'Standby'])
  group.desired -= decrement(group, parameters, leaving.length, 'detach')
  for (const id of leaving) {
    begin(cloud, group, id, 'Detaching', now)
    announce(cloud, 'DetachInstances', id)
  }
  return { Activities: leaving.map(id => activity(group, `Detaching EC2 instance: ${id}`, now)) }
}

function attachInstances(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const group = groupOf(cloud, parameters)
  const ids = parameters.list('InstanceIds.member')
  const instances = ids.map(id => {
    const instance = cloud.instances.get(id)
    if (!instance) throw refused(`Invalid Instance ID(s): [${id}] specified`)
    const holder = [...(cloud.autoscaling?.values() ?? [])].find(({ members }) => members.has(id))
    if (holder) throw refused(`Instance ${id} is already part of AutoScalingGroup:${holder.name}`)
    if (instance.state !== 'running')
      throw refused(`Instance ${id} is not in correct state. Instance(s) must be in 'running' state.`)
    return instance
  })
  if (group.desired + ids.length > group.max) throw sizes(group, 'attach', ids.length)
  group.desired += ids.length
  for (const { id, tags } of instances) {
    tags[GROUP_TAG] = group.name
    group.members.set(id, { lifecycle: 'Pending', settlesAt: now, protectedFromScaleIn: false })
    announce(cloud, 'AttachInstances', id)
  }
  return undefined
}

function memberTree(cloud: Cloud, [id, { lifecycle, failingSince, protectedFromScaleIn }]: [string, GroupMember]) {
  return {
    InstanceId: id,
    InstanceType: cloud.instances.get(id)?.type,
    AvailabilityZone: `${cloud.region}a`,
    LifecycleState: lifecycle,
    HealthStatus: failingSince === undefined ? 'HEALTHY' : 'UNHEALTHY',
    ProtectedFromScaleIn: protectedFromScaleIn,
  }
}

/** Of an instance that is in no group nothing is said. */
function describeAutoScalingInstances(cloud: Cloud, parameters: Parameters): Tree {
  const ids = parameters.list('InstanceIds.member')
  return {
    AutoScalingInstances: [...(cloud.autoscaling?.values() ?? [])].flatMap(({ name, members }) =>
      [...members]
        .filter(([id]) => ids.length === 0 || ids.includes(id))
        .map(one => ({ ...memberTree(cloud, one), AutoScalingGroupName: name })),
    ),
  }
}

function describeAutoScalingGroups(cloud: Cloud, parameters: Parameters): Tree {
  const names = parameters.list('AutoScalingGroupNames.member')
  const all = [...(cloud.autoscaling?.values() ?? [])]
  return {
    AutoScalingGroups: all
      .filter(({ name }) => names.length === 0 || names.includes(name))
      .map(({ name, min, max, desired, healthCheck, members, targetGroups, balancers, template }) => ({
        AutoScalingGroupName: name,
        MinSize: min,
        MaxSize: max,
        DesiredCapacity: desired,
        DefaultCooldown: 300,
        AvailabilityZones: [`${cloud.region}a`],
        HealthCheckType: healthCheck,
        HealthCheckGracePeriod: 0,
        CreatedTime: new Date(0),
        VPCZoneIdentifier: template.subnet,
        TargetGroupARNs: targetGroups,
        LoadBalancerNames: balancers,
        Instances: [...members].map(one => memberTree(cloud, one)),
      })),
  }
}

function describeInstanceRefreshes(cloud: Cloud, parameters: Parameters): Tree {
  const { name, refresh } = groupOf(cloud, parameters)
  const most = parameters.whole('MaxRecords')
  if (most !== undefined && (most < 1 || most > 100)) throw invalid('MaxRecords', String(most))
  return {
    InstanceRefreshes: refresh
      ? [
          {
            InstanceRefreshId: refresh.id,
            AutoScalingGroupName: name,
            Status: 'InProgress',
            Preferences: { MinHealthyPercentage: 90, StandbyInstances: refresh.standby },
          },
        ]
      : [],
  }
}
