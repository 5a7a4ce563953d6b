import { setTimeout as sleep } from 'node:timers/promises'
import type { Incident } from '../../../core/incident.ts'
import type { DnsFirewall } from '../dns-firewall.ts'
import { codeOf } from '../faults.ts'

/** The rule groups before the resolvers of networks, and the rules in them. */

/** Between looks at an association that is going, in milliseconds; it takes seconds to a minute. */
const LOOK_AGAIN = 2000
const MAX_LOOKS = 5

/** Ours are the first to be asked; the lowest that AssociateFirewallRuleGroup takes. */
export const FIRST_PRIORITY = 101
const LAST_PRIORITY = 9899
const MAX_CLAIMS = 8

/** The request ids of all that Firebreak makes in the firewall begin so. */
export const OURS = 'firebreak-'

export function requestOf({ id: incident }: Pick<Incident, 'id'>): string {
  return `${OURS}${incident}`
}

/** All of a network's rule groups that are ours begin so. */
export function prefixOf(vpc: string): string {
  return `${OURS}${vpc}-`
}

export function ruleGroupsOf(firewall: DnsFirewall) {
  return {
    /** Priorities of rules are claimed like numbers of ACL entries: taken, the next one. */
    async claimRule(group: string, list: string, request: string, signal: AbortSignal): Promise<void> {
      for (let claims = 0; ; claims++) {
        const rules = (await firewall.rules(group, signal)) ?? []
        const own = rules.find(one => one.FirewallDomainListId === list)
        if (own?.Action === 'BLOCK') return
        // Somebody made a rule that lets pass of ours.
        if (own) await firewall.deleteRule(group, list, signal)
        const taken = new Set(rules.filter(one => one !== own).map(({ Priority }) => Priority))
        try {
          await firewall.createRule(group, list, freePriority(1 + claims, taken), request, signal)
          return
        } catch (thrown) {
          const isTaken = ['ConflictException', 'ValidationException'].includes(codeOf(thrown))
          if (!isTaken || claims >= MAX_CLAIMS) throw thrown
        }
      }
    },

    /**
     * A group can be deleted once it stands before no network any more, which takes a while after it was told so. Returns
     * why it stays, where somebody else uses it.
     */
    async takeAway(group: string, vpc: string, signal: AbortSignal): Promise<string | undefined> {
      const rules = (await firewall.rules(group, signal)) ?? []
      if (rules.length > 0)
        return `Rule group ${group} stays before ${vpc}: somebody else has a rule in it for ${rules.map(one => one.FirewallDomainListId).join(', ')}`
      for (let looks = 0; ; looks++) {
        const standing = await firewall.associations({ FirewallRuleGroupId: group }, signal)
        const elsewhere = standing.filter(one => one.VpcId !== vpc)
        const here = standing.filter(one => one.VpcId === vpc)
        if (here.length === 0 && elsewhere.length > 0)
          return `Rule group ${group} is kept: somebody else put it before ${elsewhere.map(one => one.VpcId).join(', ')}`
        if (here.length === 0) break
        if (looks >= MAX_LOOKS) throw new Error(`Rule group ${group} still stands before ${vpc}`)
        for (const one of here) if (one.Status !== 'DELETING') await firewall.disassociate(one.Id, signal)
        await sleep(LOOK_AGAIN, undefined, { signal })
      }
      await firewall.deleteGroup(group, signal)
      return undefined
    },
  }
}

export function freePriority(first: number, taken: ReadonlySet<number>): number {
  for (let priority = first; priority <= LAST_PRIORITY; priority++) if (!taken.has(priority)) return priority
  throw new Error('No priority is free')
}
