import { randomBytes } from 'node:crypto'
import * as z from 'zod'
import type { Answer, Request } from '../backends.ts'
import { announce, type Cloud, type DnsFirewall, type RuleGroup } from '../cloud.ts'
import { Refusal } from '../ec2/refusal.ts'
import { associationsOf, firewallOf } from './state.ts'

/** Route 53 Resolver's DNS Firewall, as its JSON 1.1 protocol has it. */

const request = z.string().min(1).max(255)
const name = z.string().regex(/^(?!^[0-9]+$)[a-zA-Z0-9\-_' ]{1,64}$/)
const id = z.string().min(1).max(64)
const group = { FirewallRuleGroupId: id }
const list = { FirewallDomainListId: id }

/** A rule group stands before a network at a priority above 100 and below 9900 (AssociateFirewallRuleGroup). */
const priority = z.number().int().gt(100).lt(9900)

type Perform = (cloud: Cloud, firewall: DnsFirewall, input: unknown) => Record<string, unknown>

function action<T extends z.ZodObject>(
  shape: T,
  perform: (cloud: Cloud, firewall: DnsFirewall, input: z.infer<T>) => Record<string, unknown>,
): Perform {
  return (cloud, firewall, input) => {
    const parsed = shape.safeParse(input)
    if (!parsed.success) throw new Refusal('ValidationException', z.prettifyError(parsed.error))
    return perform(cloud, firewall, parsed.data)
  }
}

const ACTIONS: ReadonlyMap<string, Perform> = new Map<string, Perform>([
  [
    'CreateFirewallRuleGroup',
    action(z.object({ CreatorRequestId: request, Name: name }), (_cloud, { groups }, { CreatorRequestId, Name }) => {
      const made = existing(groups, CreatorRequestId) ?? {
        id: newId('rslvr-frg'),
        name: Name,
        request: CreatorRequestId,
        rules: [],
      }
      groups.set(made.id, made)
      return { FirewallRuleGroup: groupTree(made) }
    }),
  ],
  [
    'ListFirewallRuleGroups',
    action(z.object({}), (_cloud, { groups }) => ({ FirewallRuleGroups: [...groups.values()].map(groupTree) })),
  ],
  [
    'DeleteFirewallRuleGroup',
    action(z.object(group), (_cloud, firewall, { FirewallRuleGroupId }) => {
      const found = find(firewall.groups, FirewallRuleGroupId)
      if ([...firewall.associations.values()].some(one => one.group === found.id))
        throw new Refusal('ConflictException', `Rule group ${found.id} is associated with a VPC`)
      firewall.groups.delete(found.id)
      return { FirewallRuleGroup: groupTree(found) }
    }),
  ],
  [
    'CreateFirewallDomainList',
    action(z.object({ CreatorRequestId: request, Name: name }), (_cloud, { lists }, { CreatorRequestId, Name }) => {
      const made = existing(lists, CreatorRequestId) ?? {
        id: newId('rslvr-fdl'),
        name: Name,
        request: CreatorRequestId,
        domains: [],
      }
      lists.set(made.id, made)
      return { FirewallDomainList: { Id: made.id, Name, CreatorRequestId, Status: 'COMPLETE', DomainCount: 0 } }
    }),
  ],
  [
    'ListFirewallDomainLists',
    action(z.object({}), (_cloud, { lists }) => ({
      FirewallDomainLists: [...lists.values()].map(one => ({
        Id: one.id,
        Name: one.name,
        CreatorRequestId: one.request,
      })),
    })),
  ],
  [
    'UpdateFirewallDomains',
    action(
      z.object({ ...list, Operation: z.literal('REPLACE'), Domains: z.array(z.string().min(1).max(255)).max(1000) }),
      (cloud, { lists }, { FirewallDomainListId, Domains }) => {
        const found = find(lists, FirewallDomainListId)
        for (const domain of Domains)
          if (!/^(?:\*\.)?[a-z0-9_.-]+$/i.test(domain))
            throw new Refusal('ValidationException', `The domain ${domain} is not valid`)
        // Names are given back with their final dot.
        found.domains = Domains.map(domain => `${domain.replace(/\.$/, '')}.`)
        announce(cloud, 'UpdateFirewallDomains', found.id)
        return { Id: found.id, Name: found.name, Status: 'UPDATING' }
      },
    ),
  ],
  [
    'ListFirewallDomains',
    action(z.object(list), (_cloud, { lists }, { FirewallDomainListId }) => ({
      Domains: find(lists, FirewallDomainListId).domains,
    })),
  ],
  [
    'DeleteFirewallDomainList',
    action(z.object(list), (_cloud, { groups, lists }, { FirewallDomainListId }) => {
      const found = find(lists, FirewallDomainListId)
      if ([...groups.values()].some(({ rules }) => rules.some(rule => rule.list === found.id)))
        throw new Refusal('ConflictException', `Domain list ${found.id} is in use by a rule`)
      lists.delete(found.id)
      return { FirewallDomainList: { Id: found.id, Status: 'DELETING' } }
    }),
  ],
  [
    'CreateFirewallRule',
    action(
      z.object({
        ...group,
        ...list,
        CreatorRequestId: request,
        Name: name,
        Priority: z.number().int().min(1),
        Action: z.literal('BLOCK'),
        BlockResponse: z.enum(['NODATA', 'NXDOMAIN']),
      }),
      (cloud, { groups, lists }, input) => {
        const { CreatorRequestId: by } = input
        const { rules } = find(groups, input.FirewallRuleGroupId)
        const domains = find(lists, input.FirewallDomainListId)
        if (rules.some(rule => rule.list === domains.id || rule.priority === input.Priority))
          throw new Refusal('ConflictException', `Priority ${input.Priority} or list ${domains.id} has a rule already`)
        rules.push({ list: domains.id, priority: input.Priority, action: input.Action, request: by })
        announce(cloud, 'CreateFirewallRule', domains.id)
        return { FirewallRule: { FirewallRuleGroupId: input.FirewallRuleGroupId, FirewallDomainListId: domains.id } }
      },
    ),
  ],
  [
    'ListFirewallRules',
    action(z.object(group), (_cloud, { groups }, { FirewallRuleGroupId }) => ({
      FirewallRules: find(groups, FirewallRuleGroupId).rules.map(rule => ({
        FirewallRuleGroupId,
        FirewallDomainListId: rule.list,
        Priority: rule.priority,
        Action: rule.action,
        CreatorRequestId: rule.request,
      })),
    })),
  ],
  [
    'DeleteFirewallRule',
    action(z.object({ ...group, ...list }), (cloud, { groups }, { FirewallRuleGroupId, FirewallDomainListId }) => {
      const found = find(groups, FirewallRuleGroupId)
      if (!found.rules.some(rule => rule.list === FirewallDomainListId)) throw missing(FirewallDomainListId)
      found.rules = found.rules.filter(rule => rule.list !== FirewallDomainListId)
      announce(cloud, 'DeleteFirewallRule', FirewallDomainListId)
      return { FirewallRule: { FirewallRuleGroupId, FirewallDomainListId } }
    }),
  ],
  [
    'AssociateFirewallRuleGroup',
    action(
      z.object({ ...group, CreatorRequestId: request, Name: name, VpcId: id, Priority: priority }),
      (cloud, firewall, { FirewallRuleGroupId, CreatorRequestId, Name, VpcId, Priority }) => {
        find(firewall.groups, FirewallRuleGroupId)
        if (!cloud.vpcs.has(VpcId)) throw missing(VpcId)
        const standing = [...firewall.associations.values()].filter(one => one.vpc === VpcId)
        if (standing.some(one => one.group === FirewallRuleGroupId || one.priority === Priority))
          throw new Refusal('ConflictException', `Rule group or priority ${Priority} stands before ${VpcId} already`)
        // Default quota (Route 53 Developer Guide, "Quotas on Route 53 Resolver DNS Firewall").
        if (standing.length >= 5) throw new Refusal('LimitExceededException', `${VpcId} has five rule groups already`)
        const made = { id: newId('rslvr-frgassoc'), group: FirewallRuleGroupId, vpc: VpcId, priority: Priority }
        firewall.associations.set(made.id, { ...made, name: Name, request: CreatorRequestId })
        announce(cloud, 'AssociateFirewallRuleGroup', VpcId)
        return { FirewallRuleGroupAssociation: { Id: made.id, Status: 'UPDATING' } }
      },
    ),
  ],
  [
    'ListFirewallRuleGroupAssociations',
    action(z.object({ VpcId: id.optional(), FirewallRuleGroupId: id.optional() }), (_cloud, firewall, asked) => ({
      FirewallRuleGroupAssociations: associationsOf(firewall, asked).map(one => ({
        Id: one.id,
        FirewallRuleGroupId: one.group,
        VpcId: one.vpc,
        Priority: one.priority,
        CreatorRequestId: one.request,
        Status: one.going ? 'DELETING' : 'COMPLETE',
      })),
    })),
  ],
  [
    'DisassociateFirewallRuleGroup',
    action(z.object({ FirewallRuleGroupAssociationId: id }), (cloud, { associations }, input) => {
      const found = find(associations, input.FirewallRuleGroupAssociationId)
      found.going = true
      announce(cloud, 'DisassociateFirewallRuleGroup', found.vpc)
      return { FirewallRuleGroupAssociation: { Id: found.id, Status: 'DELETING' } }
    }),
  ],
])

export function answerResolver(cloud: Cloud): (request: Request) => Promise<Answer> {
  return async ({ headers, body }) => {
    const target = headers['x-amz-target'] ?? ''
    const perform = ACTIONS.get(target.slice(target.lastIndexOf('.') + 1))
    try {
      if (!perform) throw new Refusal('UnknownOperationException', `The sandbox knows no ${target}`)
      return answer(200, perform(cloud, firewallOf(cloud), JSON.parse(body.toString())))
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown
      return answer(thrown.status, { __type: thrown.code, Message: thrown.message })
    }
  }
}

function answer(status: number, tree: Record<string, unknown>): Answer {
  return { status, headers: { 'content-type': 'application/x-amz-json-1.1' }, body: Buffer.from(JSON.stringify(tree)) }
}

function groupTree({ id: own, name: called, request: by, rules }: RuleGroup) {
  return { Id: own, Name: called, CreatorRequestId: by, RuleCount: rules.length, Status: 'COMPLETE' }
}

/** A request id that was used before gives what it made then. */
function existing<T extends { request: string }>(things: ReadonlyMap<string, T>, by: string): T | undefined {
  return [...things.values()].find(one => one.request === by)
}

function find<T>(things: ReadonlyMap<string, T>, wanted: string): T {
  const found = things.get(wanted)
  if (!found) throw missing(wanted)
  return found
}

function missing(what: string): Refusal {
  return new Refusal('ResourceNotFoundException', `Resource ${what} does not exist`)
}

function newId(prefix: string): string {
  return `${prefix}-${randomBytes(8).toString('hex')}`
}
