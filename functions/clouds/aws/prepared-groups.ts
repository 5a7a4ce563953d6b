import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateSecurityGroupCommand,
  DescribeSecurityGroupsCommand,
  type EC2Client,
  type SecurityGroup,
} from '@aws-sdk/client-ec2'
import { RetryableError } from '../../core/errors.ts'
import { codeOf } from './faults.ts'
import { listInterfaces } from './interfaces.ts'

/** Security groups that are made before they are needed: known by their recorded id, never by a name, which anybody may choose. */

/** `tag` names the VPC that the group is for. */
interface GroupKind {
  readonly tag: string
  readonly name: string
  readonly description: string
}

export type Group = SecurityGroup & { readonly GroupId: string }

export async function recordedGroup(
  client: EC2Client,
  id: string,
  vpc: string,
  signal: AbortSignal,
): Promise<Group | undefined> {
  try {
    const group = await findGroup(client, id, signal)
    return group.VpcId === vpc ? group : undefined
  } catch (thrown) {
    if (codeOf(thrown) === 'InvalidGroup.NotFound') return undefined
    throw thrown
  }
}

export async function findGroup(client: EC2Client, id: string, signal: AbortSignal): Promise<Group> {
  const { SecurityGroups = [] } = await client.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }), {
    abortSignal: signal,
  })
  const [group] = SecurityGroups
  if (!group) throw new RetryableError(`Cannot find security group ${id}: the answer holds none`)
  return { ...group, GroupId: id }
}

/** One that an earlier try left half made. Anybody with CreateTags can put the tag on a group that is in use, and emptying that one would harm its members. */
export async function unusedGroup(
  client: EC2Client,
  vpc: string,
  tag: string,
  signal: AbortSignal,
): Promise<Group | undefined> {
  const { SecurityGroups = [] } = await client.send(
    new DescribeSecurityGroupsCommand({
      Filters: [
        { Name: 'vpc-id', Values: [vpc] },
        { Name: `tag:${tag}`, Values: [vpc] },
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

export async function createGroup(
  client: EC2Client,
  vpc: string,
  kind: GroupKind,
  signal: AbortSignal,
): Promise<Group> {
  const { GroupId } = await client.send(
    new CreateSecurityGroupCommand({
      // A name that was taken beforehand must not stop the preparation.
      GroupName: `${kind.name}-${randomBytes(6).toString('hex')}`,
      Description: kind.description,
      VpcId: vpc,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: kind.tag, Value: vpc }] }],
    }),
    { abortSignal: signal },
  )
  if (!GroupId) throw new RetryableError(`Cannot create ${kind.name} of ${vpc}: the answer names no group`)
  // A new group may be unknown to other parts of EC2 for some seconds (EC2 API, "Eventual consistency").
  for (let wait = 200; ; wait *= 2) {
    try {
      return await findGroup(client, GroupId, signal)
    } catch (thrown) {
      if (codeOf(thrown) !== 'InvalidGroup.NotFound' || wait > 3200) throw thrown
      await sleep(wait, undefined, { signal })
    }
  }
}
