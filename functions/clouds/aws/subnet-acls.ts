import {
  CreateNetworkAclCommand,
  DeleteNetworkAclCommand,
  type EC2Client,
  ReplaceNetworkAclAssociationCommand,
} from '@aws-sdk/client-ec2'
import type { Permission } from '../../core/ports.ts'
import { listAcls } from './acls.ts'
import type { NetworkAcl } from './ec2-shapes.ts'
import { codeOf } from './faults.ts'
import { listInterfaces } from './interfaces.ts'

/** Names the one subnet that an ACL of ours cuts off. */
const ISOLATION_TAG = 'firebreak:isolation'

/** A subnet with what serves it, what cuts it off, and who stands in it. */
export interface Subnet {
  readonly id: string
  /** Absent where the ACLs of its VPC cannot be seen. */
  readonly serving: { readonly acl: string; readonly association: string; readonly owner: string } | undefined
  /** An ACL of ours that lets nothing pass and serves nothing else. */
  readonly barrier: string | undefined
  /** All that bear the tag, whatever became of them. */
  readonly tagged: readonly string[]
  /** Interfaces in it that are not the instance's, those of load balancers, gateways and endpoints among them. */
  readonly strangers: readonly string[]
}

/** One round trip for all of them. */
export async function readSubnets(
  client: EC2Client,
  { vpc, instance }: { readonly vpc: string; readonly instance: string },
  subnets: readonly string[],
  signal: AbortSignal,
): Promise<{ subnets: Subnet[]; acls: ReadonlySet<string> }> {
  const [acls, interfaces] = await Promise.all([
    listAcls(client, [{ Name: 'vpc-id', Values: [vpc] }], signal),
    listInterfaces(client, [{ Name: 'subnet-id', Values: [...subnets] }], signal),
  ])
  return {
    acls: new Set(acls.map(({ NetworkAclId }) => NetworkAclId)),
    subnets: subnets.map(id => {
      const [serving] = acls.flatMap(({ NetworkAclId, OwnerId, Associations }) =>
        Associations.filter(({ SubnetId }) => SubnetId === id).map(({ NetworkAclAssociationId }) => ({
          acl: NetworkAclId,
          association: NetworkAclAssociationId,
          owner: OwnerId,
        })),
      )
      const tagged = acls.filter(({ Tags }) => Tags[ISOLATION_TAG] === id)
      return {
        id,
        serving,
        barrier: tagged.find(acl => isBarrier(acl, id))?.NetworkAclId,
        tagged: tagged.map(({ NetworkAclId }) => NetworkAclId),
        strangers: interfaces
          .filter(one => one.SubnetId === id && one.Attachment?.InstanceId !== instance)
          .map(({ NetworkInterfaceId }) => NetworkInterfaceId),
      }
    }),
  }
}

/** Anybody with CreateTags can put the tag on an ACL that lets something pass or serves others. */
function isBarrier({ Entries, Associations }: NetworkAcl, subnet: string): boolean {
  return Entries.every(({ RuleAction }) => RuleAction === 'deny') && Associations.every(one => one.SubnetId === subnet)
}

/** A new ACL lets nothing pass, over IPv4 and IPv6 (Amazon VPC User Guide, "Custom network ACLs"). */
export async function createBarrier(client: EC2Client, vpc: string, subnet: string, signal: AbortSignal) {
  const { NetworkAcl: made } = await client.send(
    new CreateNetworkAclCommand({
      VpcId: vpc,
      TagSpecifications: [{ ResourceType: 'network-acl', Tags: [{ Key: ISOLATION_TAG, Value: subnet }] }],
    }),
    { abortSignal: signal },
  )
  if (!made?.NetworkAclId) throw new Error(`Cannot make an ACL for ${subnet}: the answer names none`)
  return made.NetworkAclId
}

/** Returns the id of the new association. */
export async function serve(client: EC2Client, association: string, acl: string, signal: AbortSignal): Promise<string> {
  const { NewAssociationId = '' } = await client.send(
    new ReplaceNetworkAclAssociationCommand({ AssociationId: association, NetworkAclId: acl }),
    { abortSignal: signal },
  )
  return NewAssociationId
}

/** False where it serves somebody. */
export async function deleteBarrier(client: EC2Client, acl: string, signal: AbortSignal): Promise<boolean> {
  try {
    await client.send(new DeleteNetworkAclCommand({ NetworkAclId: acl }), { abortSignal: signal })
    return true
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'InvalidNetworkAclID.NotFound') return true
    if (code !== 'DependencyViolation') throw thrown
    return false
  }
}

const tagged = { Null: { [`aws:ResourceTag/${ISOLATION_TAG}`]: 'false' } }

export const subnetPermissions: readonly Permission[] = [
  { actions: ['ec2:DescribeNetworkAcls', 'ec2:DescribeNetworkInterfaces'], resources: ['*'] },
  { actions: ['ec2:CreateNetworkAcl'], resources: ['arn:aws:ec2:*:*:vpc/*'] },
  {
    actions: ['ec2:CreateNetworkAcl'],
    resources: ['arn:aws:ec2:*:*:network-acl/*'],
    conditions: { Null: { [`aws:RequestTag/${ISOLATION_TAG}`]: 'false' } },
  },
  {
    actions: ['ec2:CreateTags'],
    resources: ['arn:aws:ec2:*:*:network-acl/*'],
    conditions: { StringEquals: { 'ec2:CreateAction': 'CreateNetworkAcl' } },
  },
  { actions: ['ec2:DeleteNetworkAcl'], resources: ['arn:aws:ec2:*:*:network-acl/*'], conditions: tagged },
  {
    // Back to whatever served the subnet before, which bears no tag of ours.
    actions: ['ec2:ReplaceNetworkAclAssociation'],
    resources: ['arn:aws:ec2:*:*:network-acl/*', 'arn:aws:ec2:*:*:subnet/*'],
  },
]
