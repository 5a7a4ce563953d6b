import { setTimeout as sleep } from 'node:timers/promises'
import { reasonOf } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Drift, Outcome, Step } from '../../../core/ports.ts'
import type { AutoScaling, GroupMember } from '../auto-scaling.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { isFresh, restorePointOf } from './restore-point.ts'

const id = 'autoscaler'

/** EC2 Auto Scaling alone sets tags whose keys begin with `aws:`. */
const GROUP_TAG = 'aws:autoscaling:groupName'

/**
 * Milliseconds after which the requests of the cut are on their way: loading the client holds the process up. The health
 * checks that would give the instance away take a minute and more.
 */
const BEHIND_THE_CUT = 250

const NOTHING: Outcome = { done: [], unable: [], facts: {} }

/** How the group was kept from the instance: it was `left` where somebody else had done so before. */
type How = 'standby' | 'detached' | 'left'

/**
 * Keeps the instance's autoscaling group from terminating it, which termination protection does not. In standby it is
 * neither checked nor scaled in; where an instance refresh terminates even that, it leaves the group. Both times the group
 * replaces it, so that no other instance feels the loss. No process is suspended: all instances of the group would miss it.
 */
export function autoscaler(scaling: AutoScaling): Step {
  /**
   * Asks for a change. Of a refusal the group's state tells whether an earlier try, whose answer got lost, did it before.
   * Returns the reason where it did not.
   */
  async function change(
    ask: Promise<void>,
    incident: Incident,
    isDone: (member: GroupMember | undefined) => boolean,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    try {
      await ask
      return undefined
    } catch (thrown) {
      // All that EC2 Auto Scaling refuses for good has this code; its message alone says why.
      if (codeOf(thrown) !== 'ValidationError') throw thrown
      return isDone(await scaling.memberOf(incident.instance, signal)) ? undefined : reasonOf(thrown)
    }
  }

  async function standby(incident: Incident, group: string, signal: AbortSignal): Promise<string | undefined> {
    const ask = scaling.enterStandby(group, incident.instance, signal)
    return change(ask, incident, member => member !== undefined && isStandby(member), signal)
  }

  async function detach(incident: Incident, group: string, signal: AbortSignal): Promise<string | undefined> {
    const ask = scaling.detach(group, incident.instance, signal)
    return change(ask, incident, member => member === undefined || isLeaving(member), signal)
  }

  return {
    id,
    stage: 'preserve',
    permissions: [
      // Describe calls of EC2 Auto Scaling know no resource.
      {
        actions: ['autoscaling:DescribeAutoScalingInstances', 'autoscaling:DescribeInstanceRefreshes'],
        resources: ['*'],
      },
      {
        // No tag condition: nothing says of a group that it holds in-scope instances.
        actions: [
          'autoscaling:EnterStandby',
          'autoscaling:ExitStandby',
          'autoscaling:DetachInstances',
          'autoscaling:AttachInstances',
        ],
        resources: ['arn:aws:autoscaling:*:*:autoScalingGroup:*:autoScalingGroupName/*'],
      },
    ],

    async apply(work) {
      const { incident, attempt, signal } = work
      const named = restorePointOf(incident).tags[GROUP_TAG]
      if (named === undefined) return NOTHING
      if (isFresh(work)) await sleep(BEHIND_THE_CUT, undefined, { signal })
      const [member, refreshing] = await Promise.all([
        scaling.memberOf(incident.instance, signal),
        scaling.terminatesStandby(named, signal),
      ])
      const known = howOf(incident)
      // What a try did that never answered is taken for its own: before it the instance was in the group, and in service
      // most likely.
      const presumed = <T extends How>(how: T) => known ?? (attempt > 1 ? how : undefined)
      if (!member || isLeaving(member)) {
        const how = member?.lifecycle.startsWith('Terminat') ? known : presumed('detached')
        if (!how) return alone(named, member)
        // Of a try that never answered it may be the doing, or the group was faster.
        const unable = member || known ? [] : [`${goneText(named)}: an earlier try detached it, or the group ended it`]
        return { done: [], unable, facts: factsOf(groupOf(incident) ?? named, how) }
      }
      const { group, lifecycle } = member
      if (isStandby(member) && !refreshing) {
        const how = presumed('standby') ?? 'left'
        return { done: how === 'standby' ? [standbyText(group)] : [], unable: [], facts: factsOf(group, how) }
      }
      // Pending, say: it is tried again until the instance is in service.
      if (lifecycle !== 'InService' && lifecycle !== 'Standby')
        throw new Error(`Cannot keep ${group} from the instance while it is ${lifecycle} there`)
      const refused = refreshing
        ? `an instance refresh of ${group} terminates what is in standby`
        : await standby(incident, group, signal)
      if (refused === undefined) return { done: [standbyText(group)], unable: [], facts: factsOf(group, 'standby') }
      const kept = await detach(incident, group, signal)
      if (kept !== undefined) throw new Error(`Cannot keep ${group} from the instance: ${refused}; ${kept}`)
      return {
        done: [`Detached the instance from autoscaling group ${group}, which replaces it: ${refused}`],
        unable: [],
        facts: factsOf(group, 'detached'),
      }
    },

    async verify({ incident, signal }) {
      if (restorePointOf(incident).tags[GROUP_TAG] === undefined) return { holds: true, notes: [] }
      const member = await scaling.memberOf(incident.instance, signal)
      // What is gone from the group, however it left it, the group does not touch any more.
      if (!member || isLeaving(member)) return { holds: true, notes: [] }
      const { group, lifecycle } = member
      if (!isStandby(member))
        return { holds: false, notes: [`The instance is ${lifecycle} in autoscaling group ${group}`] }
      const refreshing = await scaling.terminatesStandby(group, signal)
      const notes = refreshing ? [`An instance refresh of ${group} terminates what is in standby`] : []
      return { holds: notes.length === 0, notes }
    },

    async drifted({ incident, signal }) {
      const [how, group] = [howOf(incident), groupOf(incident)]
      if (group === undefined || how === undefined || how === 'left') return []
      const [member, stands] = await Promise.all([
        scaling.memberOf(incident.instance, signal),
        scaling.stands(group, signal),
      ])
      const left = how === 'standby' ? `in standby in autoscaling group ${group}` : `outside autoscaling group ${group}`
      const drift = (found: string): Drift[] => [{ resource: incident.instance, left, found }]
      if (!stands) return drift('there no more: the group was deleted')
      if (!member) return how === 'standby' ? drift('in no autoscaling group') : []
      // Taken out of standby, or attached again, by somebody's hand: it serves as it did before.
      if (member.group === group && (isServing(member) || (how === 'standby' && isStandby(member)))) return []
      if (member.group === group && how === 'detached' && member.lifecycle === 'Detaching') return []
      return drift(`${member.lifecycle} in autoscaling group ${member.group}`)
    },

    async revert({ incident, signal }) {
      const how = howOf(incident)
      const group = groupOf(incident)
      if (group === undefined || how === undefined || how === 'left') return NOTHING
      const member = await scaling.memberOf(incident.instance, signal)
      if (member && member.group !== group)
        return unable(`The instance is in autoscaling group ${member.group} by now, so it is left there`)
      if (member && isServing(member)) return NOTHING
      if (member && isPassing(member))
        throw new Error(`The instance is still ${member.lifecycle} in autoscaling group ${group}`)
      if (!member && how === 'standby') return unable(`The instance is not in autoscaling group ${group} any more`)
      const ask = member
        ? scaling.exitStandby(group, incident.instance, signal)
        : scaling.attach(group, incident.instance, signal)
      const refused = await change(ask, incident, now => now !== undefined && isServing(now), signal)
      // Room in a full group could only be made at the expense of another instance.
      if (refused !== undefined)
        return unable(`The instance stays out of service in ${group}, which refuses: ${refused}`)
      return {
        done: [member ? `Took the instance out of standby in ${group}` : `Attached the instance to ${group} again`],
        unable: [`${group} wants one instance more now than before, since it had replaced this one`],
        facts: {},
      }
    },

    undo(incident) {
      const [how, group] = [howOf(incident), groupOf(incident)]
      if (group === undefined || how === undefined || how === 'left') return []
      const verb = how === 'standby' ? 'exit-standby' : 'attach-instances'
      const words = ['--instance-ids', incident.instance, '--auto-scaling-group-name', group]
      return [awsCommand(incident, 'autoscaling', verb, ...words)]
    },
  }
}

function isStandby({ lifecycle }: GroupMember): boolean {
  return lifecycle === 'Standby' || lifecycle === 'EnteringStandby'
}

function isLeaving({ lifecycle }: GroupMember): boolean {
  return /^(?:Detach|Terminat)/.test(lifecycle)
}

/** In service, or on the way there. */
function isServing({ lifecycle }: GroupMember): boolean {
  return lifecycle === 'InService' || lifecycle.startsWith('Pending')
}

function isPassing({ lifecycle }: GroupMember): boolean {
  return lifecycle === 'EnteringStandby' || lifecycle === 'Detaching'
}

function standbyText(group: string): string {
  return `Put the instance in standby in autoscaling group ${group}, which replaces it`
}

function factsOf(group: string, how: How): Outcome['facts'] {
  return { group, how }
}

function howOf({ steps }: Incident): How | undefined {
  const how = steps[id]?.facts['how']
  return how === 'standby' || how === 'detached' || how === 'left' ? how : undefined
}

function groupOf({ steps }: Incident): string | undefined {
  const group = steps[id]?.facts['group']
  return typeof group === 'string' ? group : undefined
}

function unable(text: string): Outcome {
  return { done: [], unable: [text], facts: {} }
}

/** Nothing is left to keep from the instance, or nothing keeps it any more. */
function alone(group: string, member: GroupMember | undefined): Outcome {
  return member
    ? unable(`The instance is already ${member.lifecycle} in autoscaling group ${group}`)
    : unable(goneText(group))
}

function goneText(group: string): string {
  return `The instance is not in autoscaling group ${group} any more`
}
