import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  type IpPermission,
  type SecurityGroup,
} from '@aws-sdk/client-ec2'
import { RetryableError } from '../../core/errors.ts'
import type { Permission } from '../../core/ports.ts'
import type { Ec2 } from './ec2.ts'
import { codeOf } from './faults.ts'
import { createGroup, findGroup, recordedGroup, unusedGroup } from './prepared-groups.ts'

const TRANSIT_TAG = 'firebreak:transit'

const KIND = {
  tag: TRANSIT_TAG,
  name: 'firebreak-transit',
  description: 'Firebreak: all open, for a moment between two groups. Put nothing into it',
}

/**
 * Makes sure that a VPC has a group that lets everything pass in both directions, and returns its id. A flow that such
 * rules let pass is not tracked, so that it ends with them (EC2 User Guide, "Untracked connections").
 */
export function transitPreparer(ec2: Ec2) {
  return async (vpc: string, recorded: string | undefined, signal: AbortSignal): Promise<string> => {
    const client = ec2.standard()
    const abort = { abortSignal: signal }
    const group =
      (recorded === undefined ? undefined : await recordedGroup(client, recorded, vpc, signal)) ??
      (await unusedGroup(client, vpc, TRANSIT_TAG, signal)) ??
      (await createGroup(client, vpc, KIND, signal))
    const { GroupId } = group
    const [ingress, egress] = missingIn(group)
    const opened = await Promise.allSettled([
      ...(ingress.length > 0
        ? [client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: ingress }), abort)]
        : []),
      ...(egress.length > 0
        ? [client.send(new AuthorizeSecurityGroupEgressCommand({ GroupId, IpPermissions: egress }), abort)]
        : []),
    ])
    if (opened.length === 0) return GroupId
    // Another run may have opened it at the same time.
    for (const one of opened)
      if (one.status === 'rejected' && codeOf(one.reason) !== 'InvalidPermission.Duplicate') throw one.reason
    if (missingIn(await findGroup(client, GroupId, signal)).flat().length > 0)
      throw new RetryableError(`Cannot open transit group ${GroupId} of ${vpc}`)
    return GroupId
  }
}

function missingIn({ IpPermissions = [], IpPermissionsEgress = [] }: SecurityGroup): [IpPermission[], IpPermission[]] {
  return [missing(IpPermissions), missing(IpPermissionsEgress)]
}

/** A rule for all addresses of each family, all protocols and ports. */
function missing(standing: readonly IpPermission[]): IpPermission[] {
  const all = standing.filter(({ IpProtocol }) => IpProtocol === '-1')
  const hasIpv4 = all.some(({ IpRanges = [] }) => IpRanges.some(({ CidrIp }) => CidrIp === '0.0.0.0/0'))
  const hasIpv6 = all.some(({ Ipv6Ranges = [] }) => Ipv6Ranges.some(({ CidrIpv6 }) => CidrIpv6 === '::/0'))
  return [
    ...(hasIpv4 ? [] : [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }]),
    ...(hasIpv6 ? [] : [{ IpProtocol: '-1', Ipv6Ranges: [{ CidrIpv6: '::/0' }] }]),
  ]
}

export const transitPermissions: readonly Permission[] = [
  { actions: ['ec2:DescribeSecurityGroups', 'ec2:DescribeNetworkInterfaces'], resources: ['*'] },
  { actions: ['ec2:CreateSecurityGroup'], resources: ['arn:aws:ec2:*:*:vpc/*'] },
  {
    actions: ['ec2:CreateSecurityGroup'],
    resources: ['arn:aws:ec2:*:*:security-group/*'],
    conditions: { Null: { [`aws:RequestTag/${TRANSIT_TAG}`]: 'false' } },
  },
  {
    actions: ['ec2:CreateTags'],
    resources: ['arn:aws:ec2:*:*:security-group/*'],
    conditions: { StringEquals: { 'ec2:CreateAction': 'CreateSecurityGroup' } },
  },
  {
    actions: ['ec2:AuthorizeSecurityGroupIngress', 'ec2:AuthorizeSecurityGroupEgress'],
    resources: ['arn:aws:ec2:*:*:security-group/*'],
    conditions: { Null: { [`aws:ResourceTag/${TRANSIT_TAG}`]: 'false' } },
  },
]
