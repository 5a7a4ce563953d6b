import type { Route53ResolverClient } from '@aws-sdk/client-route53resolver'
import * as z from 'zod'
import type { Permission } from '../../core/ports.ts'
import { type ClientOptions, connection, type Environment, requestTimeoutOf } from './clients.ts'
import { codeOf } from './faults.ts'

/** Route 53 Resolver DNS Firewall: what the step deny-names makes of it. Everything that is ours bears our request id. */

const id = z.string().min(1).max(64)
const Made = z.object({ Id: id, CreatorRequestId: z.string().default('') })
const Rule = z.object({
  FirewallDomainListId: z.string().default(''),
  Priority: z.number(),
  Action: z.string().default(''),
  CreatorRequestId: z.string().default(''),
})
type Rule = z.infer<typeof Rule>
const Association = z.object({
  Id: id,
  VpcId: z.string().default(''),
  FirewallRuleGroupId: id,
  Priority: z.number(),
  CreatorRequestId: z.string().default(''),
  Status: z.string().default(''),
})
export type Association = z.infer<typeof Association>

export type DnsFirewall = ReturnType<typeof dnsFirewall>

interface Paged {
  readonly NextToken?: string
}

/** Nobody has more; what repeats its token for ever must not keep the step for ever. */
const MAX_PAGES = 100

export function dnsFirewall(environment: Environment, options: ClientOptions = {}) {
  let client: Route53ResolverClient | undefined

  async function load() {
    const sdk = await import('./sdk/resolver.ts')
    if (!client) {
      const { requestHandler: _newer, ...settings } = connection(environment, 'ROUTE53RESOLVER', options)
      // This client is of an older generation than the others, so it makes a handler of its own.
      const requestHandler = { connectionTimeout: 2000, requestTimeout: requestTimeoutOf(environment, options) }
      client = new sdk.Route53ResolverClient({ ...settings, requestHandler })
    }
    return { sdk, client }
  }

  async function pages<T extends Paged>(ask: (next: Paged) => Promise<T>): Promise<T[]> {
    const all: T[] = []
    for (let next: Paged | undefined = {}; next && all.length < MAX_PAGES; ) {
      const page: T = await ask(next)
      all.push(page)
      next = page.NextToken === undefined ? undefined : { NextToken: page.NextToken }
    }
    return all
  }

  /** True where it was there. */
  async function gone(deletion: Promise<unknown>): Promise<boolean> {
    try {
      await deletion
      return true
    } catch (thrown) {
      if (codeOf(thrown) !== 'ResourceNotFoundException') throw thrown
      return false
    }
  }

  return {
    /** Before a network, or of a rule group. */
    async associations(
      of: { readonly VpcId: string } | { readonly FirewallRuleGroupId: string },
      abortSignal: AbortSignal,
    ): Promise<Association[]> {
      const { sdk, client: to } = await load()
      const found = await pages(next =>
        to.send(new sdk.ListFirewallRuleGroupAssociationsCommand({ ...of, ...next }), { abortSignal }),
      )
      return z.array(Association).parse(found.flatMap(page => page.FirewallRuleGroupAssociations ?? []))
    },

    /** Ids of the rule groups whose request id begins so. */
    async groups(prefix: string, abortSignal: AbortSignal): Promise<string[]> {
      const { sdk, client: to } = await load()
      const found = await pages(next => to.send(new sdk.ListFirewallRuleGroupsCommand({ ...next }), { abortSignal }))
      const all = z.array(Made).parse(found.flatMap(page => page.FirewallRuleGroups ?? []))
      return all.filter(({ CreatorRequestId }) => CreatorRequestId.startsWith(prefix)).map(({ Id }) => Id)
    },

    async createGroup(request: string, abortSignal: AbortSignal): Promise<string> {
      const { sdk, client: to } = await load()
      const { FirewallRuleGroup } = await to.send(
        new sdk.CreateFirewallRuleGroupCommand({ CreatorRequestId: request, Name: nameOf(request) }),
        { abortSignal },
      )
      return Made.parse(FirewallRuleGroup).Id
    },

    /** `priority`: above 100 and below 9900, and nobody else's of the VPC. */
    async associate(group: string, vpc: string, priority: number, request: string, abortSignal: AbortSignal) {
      const { sdk, client: to } = await load()
      await to.send(
        new sdk.AssociateFirewallRuleGroupCommand({
          CreatorRequestId: request,
          FirewallRuleGroupId: group,
          VpcId: vpc,
          Priority: priority,
          Name: nameOf(request),
        }),
        { abortSignal },
      )
    },

    async list(request: string, abortSignal: AbortSignal): Promise<string | undefined> {
      const { sdk, client: to } = await load()
      const found = await pages(next => to.send(new sdk.ListFirewallDomainListsCommand({ ...next }), { abortSignal }))
      const all = z.array(Made).parse(found.flatMap(page => page.FirewallDomainLists ?? []))
      return all.find(({ CreatorRequestId }) => CreatorRequestId === request)?.Id
    },

    async createList(request: string, abortSignal: AbortSignal): Promise<string> {
      const { sdk, client: to } = await load()
      const { FirewallDomainList } = await to.send(
        new sdk.CreateFirewallDomainListCommand({ CreatorRequestId: request, Name: nameOf(request) }),
        { abortSignal },
      )
      return Made.parse(FirewallDomainList).Id
    },

    async fill(list: string, domains: readonly string[], abortSignal: AbortSignal): Promise<void> {
      const { sdk, client: to } = await load()
      await to.send(
        new sdk.UpdateFirewallDomainsCommand({
          FirewallDomainListId: list,
          Operation: 'REPLACE',
          Domains: [...domains],
        }),
        { abortSignal },
      )
    },

    /** With or without a final dot; `undefined` where there is no such list. */
    async domains(list: string, abortSignal: AbortSignal): Promise<string[] | undefined> {
      const { sdk, client: to } = await load()
      try {
        const found = await pages(next =>
          to.send(new sdk.ListFirewallDomainsCommand({ FirewallDomainListId: list, ...next }), { abortSignal }),
        )
        return found.flatMap(page => page.Domains ?? [])
      } catch (thrown) {
        if (codeOf(thrown) !== 'ResourceNotFoundException') throw thrown
        return undefined
      }
    },

    /** `undefined` where there is no such group. */
    async rules(group: string, abortSignal: AbortSignal): Promise<Rule[] | undefined> {
      const { sdk, client: to } = await load()
      try {
        const found = await pages(next =>
          to.send(new sdk.ListFirewallRulesCommand({ FirewallRuleGroupId: group, ...next }), { abortSignal }),
        )
        return z.array(Rule).parse(found.flatMap(page => page.FirewallRules ?? []))
      } catch (thrown) {
        if (codeOf(thrown) !== 'ResourceNotFoundException') throw thrown
        return undefined
      }
    },

    async createRule(group: string, list: string, priority: number, request: string, abortSignal: AbortSignal) {
      const { sdk, client: to } = await load()
      await to.send(
        new sdk.CreateFirewallRuleCommand({
          CreatorRequestId: request,
          FirewallRuleGroupId: group,
          FirewallDomainListId: list,
          Priority: priority,
          Action: 'BLOCK',
          // As if the name did not exist: an answer without data makes a client ask again.
          BlockResponse: 'NXDOMAIN',
          Name: nameOf(request),
        }),
        { abortSignal },
      )
    },

    async deleteRule(group: string, list: string, abortSignal: AbortSignal): Promise<boolean> {
      const { sdk, client: to } = await load()
      const input = { FirewallRuleGroupId: group, FirewallDomainListId: list }
      return gone(to.send(new sdk.DeleteFirewallRuleCommand(input), { abortSignal }))
    },

    async deleteList(list: string, abortSignal: AbortSignal): Promise<boolean> {
      const { sdk, client: to } = await load()
      return gone(to.send(new sdk.DeleteFirewallDomainListCommand({ FirewallDomainListId: list }), { abortSignal }))
    },

    async disassociate(association: string, abortSignal: AbortSignal): Promise<boolean> {
      const { sdk, client: to } = await load()
      const input = { FirewallRuleGroupAssociationId: association }
      return gone(to.send(new sdk.DisassociateFirewallRuleGroupCommand(input), { abortSignal }))
    },

    /** False where it was gone already. */
    async deleteGroup(group: string, abortSignal: AbortSignal): Promise<boolean> {
      const { sdk, client: to } = await load()
      return gone(to.send(new sdk.DeleteFirewallRuleGroupCommand({ FirewallRuleGroupId: group }), { abortSignal }))
    },
  }
}

/** Letters, digits, `-`, `_` and spaces, at most 64 (CreateFirewallRuleGroup). */
function nameOf(request: string): string {
  return request.replaceAll(/[^\w -]/g, '-').slice(0, 64)
}

const arn = (kind: string) => `arn:aws:route53resolver:*:*:${kind}/*`

/** To see whether a name is still denied. */
export const dnsFirewallReadPermissions: readonly Permission[] = [
  { actions: ['route53resolver:ListFirewallRuleGroupAssociations'], resources: ['*'] },
  { actions: ['route53resolver:ListFirewallDomains'], resources: [arn('firewall-domain-list')] },
  { actions: ['route53resolver:ListFirewallRules'], resources: [arn('firewall-rule-group')] },
]

export const dnsFirewallPermissions: readonly Permission[] = [
  ...dnsFirewallReadPermissions,
  {
    actions: ['route53resolver:ListFirewallRuleGroups', 'route53resolver:ListFirewallDomainLists'],
    resources: ['*'],
  },
  {
    actions: [
      'route53resolver:CreateFirewallDomainList',
      'route53resolver:UpdateFirewallDomains',
      'route53resolver:DeleteFirewallDomainList',
    ],
    resources: [arn('firewall-domain-list')],
  },
  {
    actions: ['route53resolver:CreateFirewallRuleGroup', 'route53resolver:DeleteFirewallRuleGroup'],
    resources: [arn('firewall-rule-group')],
  },
  {
    actions: ['route53resolver:CreateFirewallRule', 'route53resolver:DeleteFirewallRule'],
    resources: [arn('firewall-rule-group'), arn('firewall-domain-list')],
  },
  {
    actions: ['route53resolver:AssociateFirewallRuleGroup', 'route53resolver:DisassociateFirewallRuleGroup'],
    resources: [arn('firewall-rule-group-association')],
  },
]
