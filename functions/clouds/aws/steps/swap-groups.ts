import { isDeepStrictEqual } from 'node:util'
import {
  DescribeSecurityGroupsCommand,
  type EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { attachedTo, groupsOf } from '../interfaces.ts'
import { changeEach } from './each.ts'
import { factList, isFresh, restorePointOf } from './restore-point.ts'

const id = 'swap-groups'

interface Held {
  readonly id: string
  readonly groups: readonly string[]
}

/**
 * Puts every interface into the VPC's quarantine group alone, the secondary ones and those attached since too. Interface
 * by interface, since ModifyInstanceAttribute refuses an instance that has several.
 */
export function swapGroups(ec2: Ec2): Step {
  const listHeld = async (instance: string, signal: AbortSignal): Promise<Held[]> =>
    (await attachedTo(ec2.standard(), instance, signal)).map(one => ({
      id: one.NetworkInterfaceId,
      groups: groupsOf(one),
    }))

  return {
    id,
    stage: 'contain',
    permissions: [
      { actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSecurityGroups'], resources: ['*'] },
      {
        actions: ['ec2:ModifyNetworkInterfaceAttribute'],
        resources: [
          'arn:aws:ec2:*:*:network-interface/*',
          'arn:aws:ec2:*:*:security-group/*',
          'arn:aws:ec2:*:*:instance/*',
        ],
      },
    ],

    async apply(work) {
      const { incident, signal } = work
      const quarantine = quarantineOf(incident)
      const isolate = async ({ id: target, groups }: Held) => {
        if (isDeepStrictEqual(groups, [quarantine])) return []
        await setGroups(ec2.standard(), target, [quarantine], signal)
        return [`Moved ${target} from ${groups.join(', ')} to ${quarantine}`]
      }
      const known = restorePointOf(incident).interfaces
      const knownIds = new Set(known.map(one => one.id))
      // Right after the description both go out at once. Later an interface may belong to another instance: look first.
      const live = listHeld(incident.instance, signal)
      const first = isFresh(work) ? isolateAll(known, isolate) : Promise.resolve([])
      const [attached, moved] = await Promise.allSettled([live, first])
      if (attached.status === 'rejected') {
        // The interfaces of the restore point are moved; verify reads the live ones again within minutes.
        if (moved.status === 'rejected' || !isFresh(work))
          throw moved.status === 'rejected' ? moved.reason : attached.reason
        return {
          done: moved.value,
          unable: [`Whether another interface was attached meanwhile is not known: ${attached.reason}`],
          facts: { attached: factList(incident, id, 'attached') },
        }
      }
      const rest = attached.value.filter(one => !isFresh(work) || !knownIds.has(one.id))
      const [late] = await Promise.allSettled([isolateAll(rest, isolate)])
      if (moved.status === 'rejected') throw moved.reason
      if (late.status === 'rejected') throw late.reason
      const original = attached.value
        .filter(one => !knownIds.has(one.id) && !isDeepStrictEqual(one.groups, [quarantine]))
        .map(one => `${one.id}=${one.groups.join(',')}`)
      return {
        done: [...moved.value, ...late.value],
        unable: [],
        facts: { attached: [...new Set([...factList(incident, id, 'attached'), ...original])] },
      }
    },

    async verify({ incident, signal }) {
      const quarantine = quarantineOf(incident)
      const [held, { SecurityGroups = [] }] = await Promise.all([
        listHeld(incident.instance, signal),
        ec2.standard().send(new DescribeSecurityGroupsCommand({ GroupIds: [quarantine] }), { abortSignal: signal }),
      ])
      const rules = SecurityGroups.flatMap(({ IpPermissions = [], IpPermissionsEgress = [] }) => [
        ...IpPermissions,
        ...IpPermissionsEgress,
      ])
      const notes = [
        ...held
          .filter(({ groups }) => !isDeepStrictEqual(groups, [quarantine]))
          .map(one => `${one.id} is in ${one.groups.join(', ')}, not in ${quarantine}`),
        ...(rules.length > 0 ? [`Quarantine group ${quarantine} has ${rules.length} rules`] : []),
      ]
      return { holds: notes.length === 0, notes }
    },

    async revert({ incident, signal }) {
      const held = await listHeld(incident.instance, signal)
      const known = restorePointOf(incident).interfaces
      const since = new Map(
        factList(incident, id, 'attached').map(text => {
          const [target = '', groups = ''] = text.split('=')
          return [target, groups.split(',')] as const
        }),
      )
      const originals = new Map<string, readonly string[]>([
        ...since,
        ...known.map(one => [one.id, one.groups] as const),
      ])
      const done = await changeEach(
        'put back the groups of',
        held,
        one => one.id,
        async one => {
          const groups = originals.get(one.id)
          if (!groups || isDeepStrictEqual(one.groups, groups)) return []
          await setGroups(ec2.standard(), one.id, groups, signal)
          return [`Put ${one.id} back into ${groups.join(', ')}`]
        },
      )
      const heldIds = new Set(held.map(one => one.id))
      return {
        done: done.flat(),
        unable: [
          ...known
            .filter(one => !heldIds.has(one.id))
            .map(one => `${one.id} is not attached any more, so its groups are left as they are`),
          ...held
            .filter(one => !originals.has(one.id))
            .map(one => `${one.id} was attached after the cut, and its groups before are not known`),
        ],
        facts: {},
      }
    },
  }
}

function quarantineOf({ id: incident, quarantine, restorePoint }: Incident): string {
  if (quarantine === undefined)
    throw new Error(`Cannot swap groups for ${incident}: no quarantine group is recorded for ${restorePoint?.vpc}`)
  return quarantine
}

async function isolateAll(targets: readonly Held[], isolate: (target: Held) => Promise<string[]>): Promise<string[]> {
  return (await changeEach('swap the groups of', targets, one => one.id, isolate)).flat()
}

async function setGroups(client: EC2Client, target: string, groups: readonly string[], signal: AbortSignal) {
  await client.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: target, Groups: [...groups] }), {
    abortSignal: signal,
  })
}
