import type { NeighbourUse } from '../../../core/denial.ts'
import { PartialFailure, reasonOf } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import { DENY_NAMES, namesToDeny } from '../../../core/name-denial.ts'
import type { NameLeases } from '../../../core/name-leases.ts'
import type { Drift, Step } from '../../../core/ports.ts'
import { type DnsFirewall, dnsFirewallPermissions, dnsFirewallReadPermissions } from '../dns-firewall.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { factList, restorePointOf } from './restore-point.ts'
import { FIRST_PRIORITY, freePriority, OURS, prefixOf, requestOf, ruleGroupsOf } from './rule-groups.ts'

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
  async function listOf(incident: Incident, isFirst: boolean, signal: AbortSignal): Promise<string> {
    const request = requestOf(incident)
    // An earlier try may have made it and died before it could say so.
    const found = known(incident, 'list') ?? (isFirst ? undefined : await firewall.list(request, signal))
    return found ?? firewall.createList(request, signal)
  }

  const ruleGroups = ruleGroupsOf(firewall)

  /** The group before the network, with the associations that stand there. */
  async function groupOf(incident: Incident, vpc: string, signal: AbortSignal) {
    const associations = await firewall.associations({ VpcId: vpc }, signal)
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

  return {
    id,
    stage: 'collect',
    permissions: dnsCovered ? dnsFirewallPermissions : [],
    verifyPermissions: dnsCovered ? dnsFirewallReadPermissions : [],

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
        await ruleGroups.claimRule(group, made.list, requestOf(incident), signal)
        if (!isAssociated) {
          const taken = new Set(associations.map(({ Priority }) => Priority))
          const priority = freePriority(FIRST_PRIORITY, taken)
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
        firewall.associations({ VpcId: vpc }, signal),
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

    async drifted({ incident, signal }) {
      const [group, list] = [known(incident, 'group'), known(incident, 'list')]
      if (list === undefined || group === undefined) return []
      const { vpc } = restorePointOf(incident)
      const [domains, rules = [], places] = await Promise.all([
        firewall.domains(list, signal),
        firewall.rules(group, signal),
        firewall.associations({ FirewallRuleGroupId: group }, signal),
      ])
      // A list or a rule that is gone denies nothing, as before.
      const named = domains?.map(one => one.replace(/\.$/, '')).toSorted()
      const left = domainsOf(factList(incident, id, 'denied')).toSorted()
      const isEdited = incident.steps[id]?.status === 'done' && named && named.join() !== left.join()
      const own = rules.find(one => one.FirewallDomainListId === list)
      const alien = rules.filter(one => one !== own && !one.CreatorRequestId.startsWith(OURS))
      const elsewhere = places.filter(one => one.VpcId !== vpc).map(({ VpcId }) => VpcId)
      return [
        ...(isEdited
          ? [
              {
                resource: `domain list ${list}`,
                left: `naming ${left.join(', ')}`,
                found: `naming ${named.join(', ')}`,
              },
            ]
          : []),
        ...(own && own.Action !== 'BLOCK'
          ? [{ resource: `the rule of ${group} for ${list}`, left: 'a BLOCK', found: `an ${own.Action}` }]
          : []),
        ...alien.map((one): Drift => {
          const found = `with a rule for ${one.FirewallDomainListId}`
          return { resource: `rule group ${group}`, left: 'with no rules but ours', found }
        }),
        ...elsewhere.map((other): Drift => {
          return { resource: `rule group ${group}`, left: `before ${vpc} alone`, found: `before ${other}, too` }
        }),
      ]
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
      const unable: string[] = []
      if (list !== undefined) {
        const groups = new Set([...(await firewall.groups(prefixOf(vpc), signal)), known(incident, 'group') ?? ''])
        for (const group of groups) if (group !== '') await firewall.deleteRule(group, list, signal)
        if (await firewall.deleteList(list, signal))
          done.push(`Took the domain list ${list} from the resolver of ${vpc}`)
      }
      if (await leases.leave(vpc, incident.id)) {
        for (const group of await firewall.groups(prefixOf(vpc), signal)) {
          const kept = await ruleGroups.takeAway(group, vpc, signal)
          if (kept === undefined) done.push(`Took rule group ${group} from ${vpc}`)
          else unable.push(kept)
        }
        await leases.drop(vpc)
      }
      return { done, unable, facts: {} }
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
}

function domainsOf(names: readonly string[]): string[] {
  return names.flatMap(name => [name, `*.${name}`])
}

function notDenied(text: string): string {
  const colon = text.indexOf(': ')
  return `${text.slice(0, colon)} is not denied${text.slice(colon)}`
}
