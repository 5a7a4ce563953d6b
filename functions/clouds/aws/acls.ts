import { DescribeNetworkAclsCommand, type EC2Client, type Filter } from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { AclDescription, AclEntry } from '../../core/description.ts'
import { NetworkAcl } from './ec2-shapes.ts'

/** Network ACLs, by filter or all. A filter without a page size is answered in one round trip. */
export async function listAcls(
  client: EC2Client,
  filters: readonly Filter[],
  signal: AbortSignal,
): Promise<NetworkAcl[]> {
  const acls: NetworkAcl[] = []
  let token: string | undefined
  do {
    const page = await client.send(
      new DescribeNetworkAclsCommand({
        ...(filters.length > 0 ? { Filters: [...filters] } : { MaxResults: 1000 }),
        ...(token ? { NextToken: token } : {}),
      }),
      { abortSignal: signal },
    )
    acls.push(...z.array(NetworkAcl).parse(page.NetworkAcls ?? []))
    token = page.NextToken
  } while (token)
  return acls
}

/** `account` is the one that runs the instance: only its own ACLs can be changed. */
export function toAclDescription(acl: NetworkAcl, account: string): AclDescription {
  return {
    id: acl.NetworkAclId,
    subnets: acl.Associations.map(({ SubnetId }) => SubnetId),
    entries: acl.Entries.flatMap(entry => {
      const cidr = entry.CidrBlock ?? entry.Ipv6CidrBlock
      if (cidr === undefined) return []
      return {
        number: entry.RuleNumber,
        egress: entry.Egress,
        allow: entry.RuleAction === 'allow',
        cidr,
        protocol: entry.Protocol,
        ...(entry.PortRange ? { ports: { from: entry.PortRange.From, to: entry.PortRange.To } } : {}),
      }
    }),
    ours: acl.OwnerId === account,
  }
}

export type AclEntries = ReadonlyMap<string, readonly AclEntry[]>

export async function readAclEntries(
  client: EC2Client,
  acls: readonly string[],
  signal: AbortSignal,
): Promise<AclEntries> {
  const found = await listAcls(client, [{ Name: 'network-acl-id', Values: [...new Set(acls)] }], signal)
  return new Map(found.map(acl => [acl.NetworkAclId, toAclDescription(acl, acl.OwnerId).entries]))
}
