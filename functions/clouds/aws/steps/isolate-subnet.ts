import { PartialFailure } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Drift, Outcome, Step } from '../../../core/ports.ts'
import type { SubnetLeases } from '../../../core/subnet-leases.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf } from '../faults.ts'
import { createBarrier, deleteBarrier, readSubnets, type Subnet, serve, subnetPermissions } from '../subnet-acls.ts'
import { awsCommand } from './command-line.ts'
import { changeEach, tryEach } from './each.ts'
import { factList, restorePointOf } from './restore-point.ts'

export const ISOLATE_SUBNET = 'isolate-subnet'

export interface SubnetSettings {
  /** Cut a subnet off whole in which the instance stands alone. Default: false. */
  readonly isolateSubnet?: boolean
}

/** A subnet that is cut off: by which ACL, and which one served it before. */
interface Isolated {
  readonly subnet: string
  readonly original: string
  readonly barrier: string
  readonly association: string
}

const NOTHING: Outcome = { done: [], unable: [], facts: {} }

/**
 * Puts the subnets in which nobody else stands behind an ACL that lets nothing pass. An ACL keeps no state, so that ends
 * every conversation that leaves the subnet, named by a signal or not. A neighbour would feel it: with one in the subnet
 * it is not done, and where one comes later it is taken back.
 */
export function isolateSubnet(ec2: Ec2, leases: SubnetLeases, { isolateSubnet: isOn = false }: SubnetSettings): Step {
  const look = (incident: Incident, subnets: readonly string[], signal: AbortSignal) =>
    readSubnets(ec2.standard(), { vpc: restorePointOf(incident).vpc, instance: incident.instance }, subnets, signal)

  async function isolate(incident: Incident, one: Subnet, signal: AbortSignal): Promise<Isolated | string> {
    const { id: subnet, serving, barrier, strangers } = one
    const { vpc, account } = restorePointOf(incident)
    if (serving?.owner !== account)
      return `${subnet} is not cut off: another account's ACL serves it, or none that can be seen`
    if (strangers.length > 0) {
      const others = `${strangers.slice(0, 8).join(', ')}${strangers.length > 8 ? ' and others' : ''}`
      if (serving.acl !== barrier || !isolatedIn(incident, subnet))
        return `${subnet} is not cut off: ${others} stand in it, too`
      await giveBack(incident, one, signal)
      return `${subnet} is cut off no more: ${others} stand in it by now`
    }
    if (serving.acl === barrier) {
      const original = await leases.hold(subnet, incident.id, serving.acl)
      return { subnet, original, barrier, association: serving.association }
    }
    const own = barrier ?? (await createBarrier(ec2.standard(), vpc, subnet, signal))
    const original = await leases.hold(subnet, incident.id, serving.acl)
    const association = await serve(ec2.standard(), serving.association, own, signal)
    return { subnet, original, barrier: own, association }
  }

  /** Returns what could not be put back. */
  async function giveBack(
    incident: Incident,
    { id: subnet, serving, tagged }: Subnet,
    signal: AbortSignal,
    standing?: ReadonlySet<string>,
  ): Promise<{ done: string[]; unable: string[] }> {
    const known = isolatedIn(incident, subnet)
    const { last, original = known?.original } = await leases.leave(subnet, incident.id)
    if (!last) return { done: [], unable: [`${subnet} stays cut off: another incident needs it`] }
    const own = new Set([...tagged, ...(known ? [known.barrier] : [])])
    const done: string[] = []
    const unable: string[] = []
    if (serving && own.has(serving.acl)) {
      if (original === undefined || own.has(original) || (standing && !standing.has(original)))
        return { done, unable: [`${subnet} stays behind ${serving.acl}: ${original ?? 'what served it'} is gone`] }
      await serve(ec2.standard(), serving.association, original, signal)
      done.push(`Put ${subnet} behind ${original} again`)
    } else if (original !== undefined && serving?.acl !== original)
      unable.push(`${subnet} is behind ${serving?.acl} by now, so it is left there`)
    for (const acl of own)
      if (!(await deleteBarrier(ec2.standard(), acl, signal)))
        unable.push(`${acl} serves another subnet by now, so it is kept`)
    await leases.drop(subnet)
    return { done, unable }
  }

  return {
    id: ISOLATE_SUBNET,
    stage: 'contain',
    permissions: isOn ? subnetPermissions : [],

    async apply({ incident, signal }) {
      const known = isolatedOf(incident)
      if (!isOn) return { ...NOTHING, facts: { isolated: known.map(factOf) } }
      const wanted = [...new Set(restorePointOf(incident).interfaces.map(({ subnet }) => subnet))]
      const { subnets } = await look(incident, wanted, signal)
      const { results, failure } = await tryEach(
        'cut off',
        subnets,
        ({ id }) => id,
        async one => {
          try {
            return await isolate(incident, one, signal)
          } catch (thrown) {
            if (codeOf(thrown) !== 'NetworkAclLimitExceeded') throw thrown
            return `${one.id} is not cut off: its VPC takes no more ACLs`
          }
        },
      )
      const isolated = results.filter(one => typeof one !== 'string')
      const fresh = isolated.filter(one => !known.some(({ subnet }) => subnet === one.subnet))
      const done = fresh.map(({ subnet, barrier }) => `Put ${subnet} behind ${barrier}, which lets nothing pass`)
      const tried = subnets.filter(({ id }) => !results.some(one => typeof one !== 'string' && one.subnet === id))
      const kept = failure ? known.filter(({ subnet }) => tried.some(({ id }) => id === subnet)) : []
      const facts = { isolated: [...isolated, ...kept].map(factOf) }
      if (failure) throw new PartialFailure(failure.message, { done, facts })
      return { done, unable: results.filter(one => typeof one === 'string'), facts }
    },

    async verify({ incident, signal }) {
      const isolated = isolatedOf(incident)
      if (isolated.length === 0) return { holds: true, notes: [] }
      const { subnets } = await look(
        incident,
        isolated.map(({ subnet }) => subnet),
        signal,
      )
      const notes = subnets.flatMap(({ id, serving, barrier, strangers }) => [
        ...(serving && serving.acl === barrier
          ? []
          : [`${id} is behind ${serving?.acl}, which may let something pass`]),
        ...strangers.map(one => `${one} stands in ${id}`),
      ])
      return { holds: notes.length === 0, notes }
    },

    async drifted({ incident, signal }) {
      const isolated = isolatedOf(incident)
      if (isolated.length === 0) return []
      const ids = isolated.map(({ subnet }) => subnet)
      const { subnets, acls } = await look(incident, ids, signal)
      return isolated.flatMap(({ subnet, original, barrier }): Drift[] => {
        const now = subnets.find(({ id }) => id === subnet)
        const serving = now?.serving?.acl
        // Behind its own ACL again, it is put back already.
        if (serving === original) return []
        if (serving !== barrier)
          return [{ resource: subnet, left: `behind ${barrier}`, found: `behind ${serving ?? 'nothing'}` }]
        if (!acls.has(original)) return [{ resource: original, left: `to serve ${subnet} again`, found: 'deleted' }]
        return now?.barrier === barrier
          ? []
          : [{ resource: barrier, left: `letting nothing pass for ${subnet} alone`, found: 'another by now' }]
      })
    },

    async revert({ incident, signal }) {
      const record = incident.steps[ISOLATE_SUBNET]
      const isolated = isolatedOf(incident)
      // Of a try that was never answered nobody knows what it changed.
      if (!record || (isolated.length === 0 && (record.status === 'done' || !isOn))) return NOTHING
      const all = restorePointOf(incident).interfaces.map(one => one.subnet)
      const ids = record.status === 'done' ? isolated.map(one => one.subnet) : [...new Set(all)]
      const { subnets, acls } = await look(incident, ids, signal)
      const outcomes = await changeEach(
        'put back',
        subnets,
        ({ id }) => id,
        one => giveBack(incident, one, signal, acls),
      )
      return { done: outcomes.flatMap(one => one.done), unable: outcomes.flatMap(one => one.unable), facts: {} }
    },

    undo: incident =>
      isolatedOf(incident).flatMap(({ original, barrier, association }) => {
        const words = ['--association-id', association, '--network-acl-id', original]
        return [
          awsCommand(incident, 'ec2', 'replace-network-acl-association', ...words),
          awsCommand(incident, 'ec2', 'delete-network-acl', '--network-acl-id', barrier),
        ]
      }),
  }
}

/** Whether every subnet of the instance is cut off. */
export function isCutOff(incident: Incident): boolean {
  return restorePointOf(incident).interfaces.every(({ subnet }) => isolatedIn(incident, subnet) !== undefined)
}

/** `subnet/original/barrier/association`. */
function factOf({ subnet, original, barrier, association }: Isolated): string {
  return [subnet, original, barrier, association].join('/')
}

function isolatedOf(incident: Incident): Isolated[] {
  return factList(incident, ISOLATE_SUBNET, 'isolated').flatMap(text => {
    const [subnet, original, barrier, association] = text.split('/')
    return subnet && original && barrier && association ? [{ subnet, original, barrier, association }] : []
  })
}

function isolatedIn(incident: Incident, subnet: string): Isolated | undefined {
  return isolatedOf(incident).find(one => one.subnet === subnet)
}
