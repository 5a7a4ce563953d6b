import * as z from 'zod'
import { address, port, seconds, text } from '../envelopes/fields.ts'

/** One query of the VPC resolver (Route 53 Developer Guide, "Values that appear in VPC Resolver query logs"). */
export const QueryRecord = z.object({
  account_id: z.string().max(64).optional(),
  vpc_id: z.string().max(64).optional(),
  query_timestamp: seconds,
  query_name: text,
  answers: z
    .array(z.object({ Rdata: z.string().nullish(), Type: z.string().max(16).nullish() }))
    .max(512)
    .nullish(),
  srcaddr: address,
  srcport: port.optional(),
  srcids: z.object({ instance: z.string().max(64).nullish() }).nullish(),
  firewall_rule_action: z.string().max(32).nullish(),
  firewall_rule_group_id: z.string().max(128).nullish(),
  firewall_domain_list_id: z.string().max(128).nullish(),
})
export type QueryRecord = z.infer<typeof QueryRecord>

/** The detail of a DNS Firewall event (same guide, "Managing DNS Firewall events using EventBridge"). */
export const FirewallNotice = z.object({
  'last-observed-at': seconds.optional(),
  'query-name': text,
  'firewall-rule-action': z.string().max(32),
  'firewall-rule-group-id': z.string().max(128).nullish(),
  'firewall-domain-list-id': z.string().max(128).nullish(),
  'src-addr': address,
  'src-port': port.optional(),
  'vpc-id': z.string().max(64).nullish(),
  resources: z
    .array(
      z.object({
        'resource-type': z.string().max(64).optional(),
        'instance-details': z.object({ id: z.string().max(64).optional() }).nullish(),
      }),
    )
    .max(64)
    .nullish(),
})
