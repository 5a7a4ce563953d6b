import {
  type EC2Client,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2'
import { RetryableError } from '../../core/errors.ts'
import type { Permission } from '../../core/ports.ts'
import type { Ec2 } from './ec2.ts'
import { codeOf } from './faults.ts'
import { createGroup, findGroup, type Group, recordedGroup, unusedGroup } from './prepared-groups.ts'

export const QUARANTINE_TAG = 'firebreak:quarantine'

const KIND = {
  tag: QUARANTINE_TAG,
  name: 'firebreak-quarantine',
  description: 'Firebreak: no rules, so that nothing new passes. Do not add any',
}

/**
 * Makes sure that a VPC has a group without any rule, and returns its id. The group is the recorded one; without a record
 * one that an earlier try left half made, known by its tag and by standing unused; else a new one. Never known by its
 * name, which anybody may have chosen.
 */
export function quarantinePreparer(ec2: Ec2) {
  return async (vpc: string, recorded: string | undefined, signal: AbortSignal): Promise<string> => {
    const client = ec2.standard()
    const group =
      (recorded === undefined ? undefined : await recordedGroup(client, recorded, vpc, signal)) ??
      (await unusedGroup(client, vpc, QUARANTINE_TAG, signal)) ??
      (await createGroup(client, vpc, KIND, signal))
    const emptied = (await revokeAll(client, group, signal)) ? await findGroup(client, group.GroupId, signal) : group
    if (!isEmpty(emptied)) throw new RetryableError(`Cannot empty quarantine group ${group.GroupId} of ${vpc}`)
    return group.GroupId
  }
}

function isEmpty({ IpPermissions = [], IpPermissionsEgress = [] }: SecurityGroup): boolean {
  return IpPermissions.length === 0 && IpPermissionsEgress.length === 0
}

/** A new group lets everything out over IPv4 and, where the VPC has it, over IPv6. Returns whether there was anything. */
async function revokeAll(client: EC2Client, group: Group, signal: AbortSignal): Promise<boolean> {
  const { GroupId, IpPermissions = [], IpPermissionsEgress = [] } = group
  const revoked = [
    ...(IpPermissions.length > 0
      ? [client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions }), { abortSignal: signal })]
      : []),
    ...(IpPermissionsEgress.length > 0
      ? [
          client.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions: IpPermissionsEgress }), {
            abortSignal: signal,
          }),
        ]
      : []),
  ]
  const settled = await Promise.allSettled(revoked)
  // Gone already: another run emptied it at the same time. What still stands is seen when the group is read again.
  for (const one of settled)
    if (one.status === 'rejected' && codeOf(one.reason) !== 'InvalidPermission.NotFound') throw one.reason
  return revoked.length > 0
}

export const quarantinePermissions: readonly Permission[] = [
  { actions: ['ec2:DescribeSecurityGroups', 'ec2:DescribeNetworkInterfaces'], resources: ['*'] },
  { actions: ['ec2:CreateSecurityGroup'], resources: ['arn:aws:ec2:*:*:vpc/*'] },
  {
    actions: ['ec2:CreateSecurityGroup'],
    resources: ['arn:aws:ec2:*:*:security-group/*'],
    conditions: { Null: { [`aws:RequestTag/${QUARANTINE_TAG}`]: 'false' } },
  },
  {
    actions: ['ec2:CreateTags'],
    resources: ['arn:aws:ec2:*:*:security-group/*'],
    conditions: { StringEquals: { 'ec2:CreateAction': 'CreateSecurityGroup' } },
  },
  {
    // Only what was made with the tag is emptied: the call that makes the group also tags it.
    actions: ['ec2:RevokeSecurityGroupIngress', 'ec2:RevokeSecurityGroupEgress'],
    resources: ['arn:aws:ec2:*:*:security-group/*'],
    conditions: { Null: { [`aws:ResourceTag/${QUARANTINE_TAG}`]: 'false' } },
  },
]
