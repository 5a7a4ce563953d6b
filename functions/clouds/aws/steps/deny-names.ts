import { setTimeout as sleep } from 'node:timers/promises'
import type { NeighbourUse } from '../../../core/denial.ts'
import { PartialFailure, reasonOf } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import { DENY_NAMES, namesToDeny } from '../../../core/name-denial.ts'
import type { NameLeases } from '../../../core/name-leases.ts'
import type { Step } from '../../../core/ports.ts'
import { type DnsFirewall, dnsFirewallPermissions } from '../dns-firewall.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { factList, restorePointOf } from './restore-point.ts'

const id = DENY_NAMES

export interface NameSettings {
  /** Resolver query logs cover the networks of the scope: without them no name is ever denied, and no right is needed. */
  readonly dnsCovered: boolean
}

export interface NameDenial {
  readonly firewall: DnsFirewall
  readonly leases: NameLeases
  /** Whether other instances of the network ask for anything under the name's suffix. */
  readonly nameUse: (vpc: string, name: string, instance: string) => Promise<NeighbourUse>
}

/** Between looks at an association that is going, in milliseconds; it takes seconds to a minute. */
const LOOK_AGAIN = 2000
const MAX_LOOKS = 5

/** Ours are the first to be asked; the lowest that AssociateFirewallRuleGroup takes. */
const FIRST_PRIORITY = 101
const LAST_PRIORITY = 9899
const MAX_CLAIMS = 8

/** A full quota or a right that another account keeps is no reason to try for ever. */
const NOT_TO_MAKE = ['LimitExceededException', 'AccessDeniedException']

const REFUSALS: Readonly<Record<Exclude<NeighbourUse, 'unused'>, string>> = {
  used: 'Another instance of the network used the name or one beside it within 24 hours',
  unknown: 'No query logs cover the network for 24 hours without a gap (dnsCovered), so a neighbour may need the name',
}

/**
 * Denies the names of the finding, and all below them, in the resolver of the instance's network: groups and ACLs do not
 * reach it. All of the network feels that, so it is done only where nobody else used the name. A domain list and a rule are
 * the incident's own; the rule group is shared by the incidents of the network and goes with the last.
 */
export function denyNames({ firewall, leases, nameUse }: NameDenial, { dnsCovered }: NameSettings): Step {
  const known = (incident: Incident, name: 'group' | 'list') => {
    const fact = incident.steps[id]?.facts[name]
    return typeof fact === 'string' && fact !== '' ? fact : undefined
  }
  const requestOf = ({ id: incident }: Incident) => `firebreak-${incident}`
  /** All of a network's rule groups that are ours begin so. */
  const prefixOf = (vpc: string) => `firebreak-${vpc}-`

  async function listOf(incident: Incident, isFirst: boolean, signal: AbortSignal): Promise<string> {
    const request = requestOf(incident)
    // An earlier try may have made it and died before it could say so.
    const found = known(incident, 'list') ?? (isFirst ? undefined : await firewall.list(request, signal))
    return found ?? firewall.createList(request, signal)
  }

  /** The group before the network, with the associations that stand there. */
  async function groupOf(incident: Incident, vpc: string, signal: AbortSignal) {
    const associations = await firewall.associations(vpc, signal)
    const ours = associations.find(one => one.CreatorRequestId.startsWith(prefixOf(vpc)) && one.Status !== 'DELETING')
    const group =
      ours?.FirewallRuleGroupId ??
      (await firewall.groups(prefixOf(vpc), signal))[0] ??
      (await firewall.createGroup(`${prefixOf(vpc)}${incident.id}`, signal))
    return { group, associations, isAssociated: ours !== undefined }
  }

  async function useOf(
    incident: Incident,
    vpc: string,
    name: string,
    denied: readonly string[],
  ): Promise<NeighbourUse> {
    // What is denied already was asked about when it was.
    if (denied.includes(name)) return 'unused'
    return dnsCovered ? nameUse(vpc, name, incident.instance) : 'unknown'
  }

  /** Priorities of rules are claimed like numbers of ACL entries: taken, the next one. */
  async function claimRule(incident: Incident, group: string, list: string, signal: AbortSignal): Promise<void> {
    for (let claims = 0; ; claims++) {
      const rules = (await firewall.rules(group, signal)) ?? []
      const own = rules.find(one => one.FirewallDomainListId === list)
      if (own?.Action === 'BLOCK') return
      // Somebody made a rule that lets pass of ours.
      if (own) await firewall.deleteRule(group, list, signal)
      const taken = new Set(rules.filter(one => one !== own).map(({ Priority }) => Priority))
      try {
        await firewall.createRule(group, list, free(1 + claims, taken), requestOf(incident), signal)
        return
      } catch (thrown) {
        const isTaken = ['ConflictException', 'ValidationException'].includes(codeOf(thrown))
        if (!isTaken || claims >= MAX_CLAIMS) throw thrown
      }
    }
  }

  return {
    id,
    stage: 'collect',
    permissions: dnsCovered ? dnsFirewallPermissions : [],

    covers: incident => coverText(namesToDeny(incident)),

    async apply({ incident, attempt, signal }) {
      const names = namesToDeny(incident)
      if (names.length === 0) return { done: [], unable: [], facts: {} }
      const { vpc } = restorePointOf(incident)
      const before = factList(incident, id, 'denied')
      const uses = await Promise.all(
        names.map(async name => ({
          name,
          use: await useOf(incident, vpc, name, before),
        })),
      )
      const refused = uses.flatMap(({ name, use }) => (use === 'unused' ? [] : [`${name}: ${REFUSALS[use]}`]))
      const denied = uses.filter(({ use }) => use === 'unused').map(({ name }) => name)
      if (denied.length === 0) return { done: [], unable: refused.map(notDenied), facts: { denied, refused } }

      await leases.hold(vpc, incident.id)
      const made: { group?: string; list?: string } = {}
      try {
        made.list = await listOf(incident, attempt === 1, signal)
        await firewall.fill(made.list, domainsOf(denied), signal)
        const { group, associations, isAssociated } = await groupOf(incident, vpc, signal)
        made.group = group
        await claimRule(incident, group, made.list, signal)
        if (!isAssociated) {
          const taken = new Set(associations.map(({ Priority }) => Priority))
          const priority = free(FIRST_PRIORITY, taken)
          await firewall.associate(group, vpc, priority, `${prefixOf(vpc)}${incident.id}`, signal)
        }
      } catch (thrown) {
        const code = codeOf(thrown)
        if (!NOT_TO_MAKE.includes(code))
          throw new PartialFailure(
            `Cannot deny names in ${vpc}: ${reasonOf(thrown)}`,
            { done: [], facts: { ...made, denied: [...before], refused } },
            { cause: thrown },
          )
        const why = denied.map(name => `${name}: The resolver's firewall takes no more (${code})`)
        return {
          done: [],
          unable: [...refused, ...why].map(notDenied),
          facts: { ...made, denied: [], refused: [...refused, ...why] },
        }
      }
      return {
        done: denied
          .filter(name => !before.includes(name))
          .map(name => `Denied ${name} and all names below it in the resolver of ${vpc}, rule group ${made.group}`),
        unable: refused.map(notDenied),
        facts: { ...made, denied, refused },
      }
    },

    async verify({ incident, signal }) {
      const denied = factList(incident, id, 'denied')
      const [group, list] = [known(incident, 'group'), known(incident, 'list')]
      if (denied.length === 0 || group === undefined || list === undefined) return { holds: true, notes: [] }
      const { vpc } = restorePointOf(incident)
      const [domains = [], rules = [], associations] = await Promise.all([
        firewall.domains(list, signal),
        firewall.rules(group, signal),
        firewall.associations(vpc, signal),
      ])
      const listed = new Set(domains.map(one => one.replace(/\.$/, '')))
      const isBefore = associations.some(one => one.FirewallRuleGroupId === group && one.Status !== 'DELETING')
      const notes = [
        ...domainsOf(denied)
          .filter(one => !listed.has(one))
          .map(one => `${one} is not on the domain list ${list}`),
        ...(rules.some(one => one.FirewallDomainListId === list && one.Action === 'BLOCK')
          ? []
          : [`Rule group ${group} does not block the domain list ${list}`]),
        ...(isBefore ? [] : [`Rule group ${group} stands no more before ${vpc}`]),
      ]
      return { holds: notes.length === 0, notes }
    },

    async revert({ incident, signal }) {
      const record = incident.steps[id]
      const isMade = known(incident, 'list') !== undefined || known(incident, 'group') !== undefined
      // Of a try that was never answered nobody knows what it made.
      const isUnknown = record?.status !== 'done' && namesToDeny(incident).length > 0
      if (!record || !(isMade || isUnknown)) return { done: [], unable: [], facts: {} }
      const { vpc } = restorePointOf(incident)
      const list = known(incident, 'list') ?? (await firewall.list(requestOf(incident), signal))
      const done: string[] = []
      if (list !== undefined) {
        const groups = new Set([...(await firewall.groups(prefixOf(vpc), signal)), known(incident, 'group') ?? ''])
        for (const group of groups) if (group !== '') await firewall.deleteRule(group, list, signal)
        if (await firewall.deleteList(list, signal))
          done.push(`Took the domain list ${list} from the resolver of ${vpc}`)
      }
      if (await leases.leave(vpc, incident.id)) {
        for (const group of await firewall.groups(prefixOf(vpc), signal)) {
          await takeAway(group, vpc, signal)
          done.push(`Took rule group ${group} from ${vpc}`)
        }
        await leases.drop(vpc)
      }
      return { done, unable: [], facts: {} }
    },

    // Without rules the group denies nothing, so it may stay before the network.
    undo(incident) {
      const [group, list] = [known(incident, 'group'), known(incident, 'list')]
      if (list === undefined) return []
      const ofList = ['--firewall-domain-list-id', list]
      const line = (...words: string[]) => awsCommand(incident, 'route53resolver', ...words, ...ofList)
      return [
        ...(group === undefined ? [] : [line('delete-firewall-rule', '--firewall-rule-group-id', group)]),
        line('delete-firewall-domain-list'),
      ]
    },
  }

  /** A group can be deleted once it stands before no network any more, which takes a while after it was told so. */
  async function takeAway(group: string, vpc: string, signal: AbortSignal): Promise<void> {
    for (let looks = 0; ; looks++) {
      const standing = (await firewall.associations(vpc, signal)).filter(one => one.FirewallRuleGroupId === group)
      if (standing.length === 0) break
      if (looks >= MAX_LOOKS) throw new Error(`Rule group ${group} still stands before ${vpc}`)
      for (const one of standing) if (one.Status !== 'DELETING') await firewall.disassociate(one.Id, signal)
      await sleep(LOOK_AGAIN, undefined, { signal })
    }
    await firewall.deleteGroup(group, signal)
  }
}

function domainsOf(names: readonly string[]): string[] {
  return names.flatMap(name => [name, `*.${name}`])
}

function notDenied(text: string): string {
  const colon = text.indexOf(': ')
  return `${text.slice(0, colon)} is not denied${text.slice(colon)}`
}

function free(first: number, taken: ReadonlySet<number>): number {
  for (let priority = first; priority <= LAST_PRIORITY; priority++) if (!taken.has(priority)) return priority
  throw new Error('No priority is free')
}
