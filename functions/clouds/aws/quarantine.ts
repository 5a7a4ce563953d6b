import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  type EC2Client,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
  type SecurityGroup,
} from '@aws-sdk/client-ec2'
import { RetryableError } from '../../core/errors.ts'
import type { Permission } from '../../core/ports.ts'
import type { Ec2 } from './ec2.ts'
import { codeOf } from './faults.ts'
import { listInterfaces } from './interfaces.ts'

export const QUARANTINE_TAG = 'firebreak:quarantine'

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
      (await halfMade(client, vpc, signal)) ??
      (await create(client, vpc, signal))
    const emptied = (await revokeAll(client, group, signal)) ? await find(client, group.GroupId, signal) : group
    if (!isEmpty(emptied)) throw new RetryableError(`Cannot empty quarantine group ${group.GroupId} of ${vpc}`)
    return group.GroupId
  }
}

type Group = SecurityGroup & { readonly GroupId: string }

async function recordedGroup(
  client: EC2Client,
  id: string,
  vpc: string,
  signal: AbortSignal,
): Promise<Group | undefined> {
  try {
    const group = await find(client, id, signal)
    return group.VpcId === vpc ? group : undefined
  } catch (thrown) {
    if (codeOf(thrown) === 'InvalidGroup.NotFound') return undefined
    throw thrown
  }
}

async function find(client: EC2Client, id: string, signal: AbortSignal): Promise<Group> {
  const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }), {
    abortSignal: signal,
  })
  const [group] = SecurityGroups
  if (!group) throw new RetryableError(`Cannot find security group ${id}: the answer holds none`)
  return { ...group, GroupId: id }
}

/** Anybody with CreateTags can put the tag on a group that is in use, and emptying that one would harm its members. */
async function halfMade(client: EC2Client, vpc: string, signal: AbortSignal): Promise<Group | undefined> {
  const { SecurityGroups = [] } = await client.send(
    new DescribeSecurityGroupsCommand({
      Filters: [
        { Name: 'vpc-id', Values: [vpc] },
        { Name: `tag:${QUARANTINE_TAG}`, Values: [vpc] },
      ],
    }),
    { abortSignal: signal },
  )
  const candidates = SecurityGroups.flatMap(group => (group.GroupId ? [{ ...group, GroupId: group.GroupId }] : []))
  for (const group of candidates.toSorted((a, b) => a.GroupId.localeCompare(b.GroupId))) {
    const users = await listInterfaces(client, [{ Name: 'group-id', Values: [group.GroupId] }], signal)
    if (users.length === 0) return group
  }
  return undefined
}

async function create(client: EC2Client, vpc: string, signal: AbortSignal): Promise<Group> {
  const { GroupId } = await client.send(
    new CreateSecurityGroupCommand({
      // A name that was taken beforehand must not stop the preparation.
      GroupName: `firebreak-quarantine-${randomBytes(6).toString('hex')}`,
      Description: 'Firebreak: no rules, so that nothing new passes. Do not add any',
      VpcId: vpc,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: QUARANTINE_TAG, Value: vpc }] }],
    }),
    { abortSignal: signal },
  )
  if (!GroupId) throw new RetryableError(`Cannot create the quarantine group of ${vpc}: the answer names no group`)
  // A new group may be unknown to other parts of EC2 for some seconds (EC2 API, "Eventual consistency").
  for (let wait = 200; ; wait *= 2) {
    try {
      return await find(client, GroupId, signal)
    } catch (thrown) {
      if (codeOf(thrown) !== 'InvalidGroup.NotFound' || wait > 3200) throw thrown
      await sleep(wait, undefined, { signal })
    }
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
