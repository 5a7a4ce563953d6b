import { setTimeout as sleep } from 'node:timers/promises'
import { isExternal } from '../../../core/address.ts'
import { PartialFailure } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Outcome, Step } from '../../../core/ports.ts'
import { leadsOutByAddressAlone } from '../../../core/proof.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf } from '../faults.ts'
import { attachedTo, groupsOf, setGroups } from '../interfaces.ts'
import { coverText } from './cover.ts'
import { tryEach } from './each.ts'
import { isCutOff } from './isolate-subnet.ts'
import { factList, restorePointOf } from './restore-point.ts'
import type { StopSettings } from './stop.ts'
import { SWAP_GROUPS } from './swap-groups.ts'
import { beyondAddress } from './undenied.ts'

const id = 'transit-swap'

/** Milliseconds for the way back into quarantine, which is gone even where the function is about to be ended. */
const WAY_BACK = 4500

export interface TransitSettings extends StopSettings {
  /** For so long an instance stands open on its way into quarantine the second time; 0: never. Default: 0. */
  readonly transitSeconds?: number
}

/**
 * Leads a cut instance through a group that lets everything pass, and back. What passes meanwhile is not tracked any more,
 * so it ends with the second swap, as it would not have with the first. It comes behind the cut, and only for peers that
 * neither ACL nor address can end: it opens the instance for a moment.
 */
export function transitSwap(ec2: Ec2, settings: TransitSettings): Step {
  const seconds = settings.transitSeconds ?? 0

  /** Peers whose conversations it may end, and those that are tracked whatever groups say. */
  function peersOf(incident: Incident): { ends: string[]; beyond: string[] } {
    // A stop ends everything without opening anything.
    if (seconds === 0 || settings.stopWhenNeeded || isCutOff(incident)) return { ends: [], beyond: [] }
    const left = beyondAddress(incident, settings)
    // Through a NAT gateway a flow is always tracked (EC2 User Guide, "Automatically tracked connections").
    const isGateway = (peer: string) => isExternal(peer) && !peer.includes(':') && !leadsOutByAddressAlone(incident)
    return { ends: left.filter(peer => !isGateway(peer)), beyond: left.filter(isGateway) }
  }

  async function heldOf(incident: Incident, signal: AbortSignal) {
    const known = new Set(restorePointOf(incident).interfaces.map(one => one.id))
    const held = await attachedTo(ec2.standard(), incident.instance, signal)
    return held.filter(one => known.has(one.NetworkInterfaceId))
  }

  return {
    id,
    stage: 'contain',
    permissions:
      seconds === 0
        ? []
        : [
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

    // Nothing before the swap is done: its turn comes with the next order, behind the cut.
    covers: incident =>
      incident.steps[SWAP_GROUPS]?.status === 'done' && incident.restorePoint ? coverText(peersOf(incident).ends) : '',

    async apply({ incident, signal }) {
      const before = factList(incident, id, 'passed')
      const { ends, beyond } = incident.steps[SWAP_GROUPS]?.status === 'done' ? peersOf(incident) : NOBODY
      const unable = beyond.map(
        peer => `${peer} may be reached through a NAT gateway, where groups end no conversation`,
      )
      const { quarantine, transit } = incident
      if (ends.length === 0 || quarantine === undefined) return { done: [], unable, facts: { passed: before } }
      if (transit === undefined)
        return {
          done: [],
          unable: [...unable, `No transit group is recorded for ${restorePointOf(incident).vpc}`],
          facts: { passed: before },
        }
      const held = await heldOf(incident, signal)
      const isFirst = ends.some(peer => !before.includes(peer))
      const { results, failure } = await tryEach(
        'lead through the transit group',
        held.map(one => ({ target: one.NetworkInterfaceId, groups: groupsOf(one) })),
        ({ target }) => target,
        async ({ target, groups }): Promise<readonly ({ done: string } | { unable: string })[]> => {
          const isOpen = groups.includes(transit)
          // What somebody moved elsewhere is the swap's business.
          if (!isOpen && !groups.includes(quarantine)) return []
          if (!isOpen && (!isFirst || signal.aborted)) return []
          try {
            if (!isOpen) await setGroups(ec2.standard(), target, [transit], signal)
            if (!isOpen) await sleep(seconds * 1000, undefined, { signal }).catch(() => {})
          } catch (thrown) {
            if (codeOf(thrown) !== 'InvalidGroup.NotFound') throw thrown
            return [{ unable: `Transit group ${transit} is gone` }]
          } finally {
            // Also where the answer got lost: it may stand open.
            await setGroups(ec2.standard(), target, [quarantine], AbortSignal.timeout(WAY_BACK))
          }
          return [
            { done: isOpen ? closedText(target) : `Led ${target} through ${transit} and back, open for ${seconds} s` },
          ]
        },
      )
      const done = results.flat().flatMap(one => ('done' in one ? one.done : []))
      if (failure) throw new PartialFailure(failure.message, { done, facts: { passed: before } })
      const gone = results.flat().flatMap(one => ('unable' in one ? one.unable : []))
      return { done, unable: [...unable, ...new Set(gone)], facts: { passed: ends } }
    },

    async verify({ incident, signal }) {
      const { transit } = incident
      if (transit === undefined || seconds === 0) return { holds: true, notes: [] }
      const open = (await heldOf(incident, signal)).filter(one => groupsOf(one).includes(transit))
      return {
        holds: open.length === 0,
        notes: open.map(one => `${one.NetworkInterfaceId} stands open in ${transit}`),
      }
    },

    // Nothing of it stays: the groups are put back by the swap.
    drifted: async () => [],

    revert: async (): Promise<Outcome> => ({ done: [], unable: [], facts: {} }),
  }
}

const NOBODY = { ends: [], beyond: [] }

function closedText(target: string): string {
  return `Closed ${target}, which an earlier try had left open`
}
