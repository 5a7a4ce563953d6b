import { isDeepStrictEqual } from 'node:util'
import { DescribeSecurityGroupsCommand } from '@aws-sdk/client-ec2'
import { PartialFailure, reasonOf } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { attachedTo, groupsOf, setGroups } from '../interfaces.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { changeEach, tryEach } from './each.ts'
import { factList, isFresh, restorePointOf } from './restore-point.ts'

export const SWAP_GROUPS = 'swap-groups'

const id = SWAP_GROUPS

/** Keeps the incident's row small. Past it what is attached is moved at once, and a release cannot tell where it was. */
const MAX_ATTACHED = 128

/** Milliseconds that a first try gives to the look for interfaces that were attached since the description. */
const LOOK = 3000

interface Held {
  readonly id: string
  readonly groups: readonly string[]
}

/**
 * Puts every interface into the VPC's quarantine group alone, the secondary ones and those attached since too. Interface
 * by interface, since ModifyInstanceAttribute refuses an instance that has several. What nobody has written down yet is
 * written down first, and moved in the next pass, to which it is something new to act on: where the function dies in
 * between, no interface stands in the quarantine group of which nobody knows where it belongs.
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
      { actions: ['ec2:DescribeNetworkInterfaces'], resources: ['*'] },
      {
        actions: ['ec2:ModifyNetworkInterfaceAttribute'],
        resources: [
          'arn:aws:ec2:*:*:network-interface/*',
          'arn:aws:ec2:*:*:security-group/*',
          'arn:aws:ec2:*:*:instance/*',
        ],
      },
    ],
    verifyPermissions: [{ actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeSecurityGroups'], resources: ['*'] }],

    covers: incident => coverText(factList(incident, id, 'attached')),

    async apply(work) {
      const { incident, signal } = work
      const quarantine = quarantineOf(incident)
      const isolateAll = (targets: readonly Held[]) =>
        tryEach(
          'swap the groups of',
          targets,
          one => one.id,
          async one => {
            if (isDeepStrictEqual(one.groups, [quarantine])) return []
            await setGroups(ec2.standard(), one.id, [quarantine], signal)
            return [`Moved ${one.id} from ${one.groups.join(', ')} to ${quarantine}`]
          },
        )
      const known = restorePointOf(incident).interfaces
      const isKnown = ({ id: target }: Held) => known.some(one => one.id === target)
      // Right after the description both go out at once. Later an interface may belong to another instance: look first.
      const fresh = isFresh(work)
      const [first, [listed]] = await Promise.all([
        isolateAll(fresh ? known : []),
        Promise.allSettled([
          listHeld(incident.instance, fresh ? AbortSignal.any([signal, AbortSignal.timeout(LOOK)]) : signal),
        ]),
      ])
      const live = listed.status === 'fulfilled' ? listed.value : []
      const originals = originalsOf(incident)
      const isNew = ({ id: target, groups }: Held) =>
        !originals.has(target) && originals.size < MAX_ATTACHED && !isDeepStrictEqual(groups, [quarantine])
      const found = live.filter(isNew)
      const late = await isolateAll(live.filter(one => !isNew(one) && !(fresh && isKnown(one))))
      const unseen = listed.status === 'rejected' ? [`Cannot list the interfaces: ${reasonOf(listed.reason)}`] : []

      const attached = found.map(one => `${one.id}=${one.groups.join(',')}`)
      const facts = { attached: [...factList(incident, id, 'attached'), ...attached] }
      const done = [
        ...[...first.results, ...late.results].flat(),
        ...found.map(one => `Found ${one.id} attached since, in ${one.groups.join(', ')}`),
      ]
      const failures = [first, late].flatMap(({ failure }) => failure?.message ?? []).concat(fresh ? [] : unseen)
      if (failures.length > 0) throw new PartialFailure(failures.join('; '), { done, facts })
      // What stood there a moment ago is moved; verify reads the live interfaces again within minutes.
      return { done, unable: unseen, facts }
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

    async drifted({ incident, signal }) {
      const { quarantine, transit } = incident
      if (quarantine === undefined) return []
      const held = await listHeld(incident.instance, signal)
      return [...originalsOf(incident)].flatMap(([target, groups]) => {
        const now = held.find(one => one.id === target)
        if (!now) return { resource: target, left: `in ${quarantine}`, found: 'not attached to the instance any more' }
        // In the transit group a function died that was leading it through.
        const isOurs = isSame(now.groups, [quarantine]) || (transit !== undefined && isSame(now.groups, [transit]))
        if (isOurs || isSame(now.groups, groups)) return []
        return { resource: target, left: `in ${quarantine}`, found: `in ${now.groups.join(', ')}` }
      })
    },

    async revert({ incident, signal }) {
      const held = await listHeld(incident.instance, signal)
      const known = restorePointOf(incident).interfaces
      const originals = originalsOf(incident)
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

    undo: incident =>
      [...originalsOf(incident)].map(([target, groups]) => {
        const words = ['modify-network-interface-attribute', '--network-interface-id', target, '--groups', ...groups]
        return awsCommand(incident, 'ec2', ...words)
      }),
  }
}

function quarantineOf({ id: incident, quarantine, restorePoint }: Incident): string {
  if (quarantine === undefined)
    throw new Error(`Cannot swap groups for ${incident}: no quarantine group is recorded for ${restorePoint?.vpc}`)
  return quarantine
}

/** Interface → its groups before the cut: of those in the restore point, and of those that were attached since. */
function originalsOf(incident: Incident): ReadonlyMap<string, readonly string[]> {
  return new Map<string, readonly string[]>([
    ...factList(incident, id, 'attached').map(text => {
      const [target = '', groups = ''] = text.split('=')
      return [target, groups.split(',')] as const
    }),
    ...restorePointOf(incident).interfaces.map(one => [one.id, one.groups] as const),
  ])
}

/** Whatever order the cloud names them in. */
function isSame(groups: readonly string[], others: readonly string[]): boolean {
  return isDeepStrictEqual(groups.toSorted(), others.toSorted())
}
