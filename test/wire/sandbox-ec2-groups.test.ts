import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AuthorizeSecurityGroupEgressCommand,
  AuthorizeSecurityGroupIngressCommand,
  CreateSecurityGroupCommand,
  DescribeSecurityGroupRulesCommand,
  DescribeSecurityGroupsCommand,
  type IpPermission,
  RevokeSecurityGroupEgressCommand,
  RevokeSecurityGroupIngressCommand,
} from '@aws-sdk/client-ec2'
import { refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => {
  cloud.vpcs.set('vpc-2', { id: 'vpc-2', cidr: '10.2.0.0/16', tags: {} })
})
const make = (GroupName: string, VpcId = 'vpc-1') =>
  stage.client.send(
    new CreateSecurityGroupCommand({
      GroupName,
      Description: 'Made by a test',
      VpcId,
      TagSpecifications: [{ ResourceType: 'security-group', Tags: [{ Key: 'made', Value: 'by test' }] }],
    }),
  )
const read = async (id: string) =>
  (await stage.client.send(new DescribeSecurityGroupsCommand({ GroupIds: [id] }))).SecurityGroups?.[0]
const SSH: IpPermission = {
  IpProtocol: 'tcp',
  FromPort: 22,
  ToPort: 22,
  IpRanges: [{ CidrIp: '10.0.0.0/16' }, { CidrIp: '10.9.0.0/16' }],
  Ipv6Ranges: [{ CidrIpv6: '2001:db8::/32' }],
  UserIdGroupPairs: [{ GroupId: 'sg-agents' }],
}

describe('security groups over the wire', () => {
  it('a new group lets everything out, over IPv6 too where the VPC has it', async () => {
    const { GroupId = '' } = await make('six')
    const group = await read(GroupId)
    assert.deepEqual(group?.IpPermissions, [])
    assert.deepEqual(group?.IpPermissionsEgress, [
      {
        IpProtocol: '-1',
        IpRanges: [{ CidrIp: '0.0.0.0/0' }],
        Ipv6Ranges: [{ CidrIpv6: '::/0' }],
        PrefixListIds: [],
        UserIdGroupPairs: [],
      },
    ])
    assert.deepEqual(group?.Tags, [{ Key: 'made', Value: 'by test' }])
    const four = await make('four', 'vpc-2')
    assert.deepEqual((await read(four.GroupId ?? ''))?.IpPermissionsEgress?.[0]?.Ipv6Ranges, [])
  })

  it('what was described can be revoked as it stands, once', async () => {
    const { GroupId = '' } = await make('no-rules')
    const { IpPermissionsEgress: IpPermissions } = (await read(GroupId)) ?? {}
    const revoke = () => stage.client.send(new RevokeSecurityGroupEgressCommand({ GroupId, IpPermissions }))
    const { RevokedSecurityGroupRules } = await revoke()
    assert.deepEqual(
      RevokedSecurityGroupRules?.map(one => one.CidrIpv4 ?? one.CidrIpv6),
      ['0.0.0.0/0', '::/0'],
    )
    assert.deepEqual((await read(GroupId))?.IpPermissionsEgress, [])
    await refuses(revoke(), 'InvalidPermission.NotFound')
  })

  it('rules are gathered by service, and told apart by id', async () => {
    const GroupId = 'sg-quarantine'
    await stage.client.send(new AuthorizeSecurityGroupIngressCommand({ GroupId, IpPermissions: [SSH] }))
    const group = await read(GroupId)
    assert.equal(group?.IpPermissions?.length, 1)
    assert.deepEqual(group?.IpPermissions?.[0]?.IpRanges, SSH.IpRanges)
    assert.equal(group?.IpPermissions?.[0]?.UserIdGroupPairs?.[0]?.GroupId, 'sg-agents')
    const { SecurityGroupRules = [] } = await stage.client.send(
      new DescribeSecurityGroupRulesCommand({ Filters: [{ Name: 'group-id', Values: [GroupId] }] }),
    )
    assert.deepEqual(
      SecurityGroupRules.map(one => one.CidrIpv4 ?? one.CidrIpv6 ?? one.ReferencedGroupInfo?.GroupId),
      ['10.0.0.0/16', '10.9.0.0/16', '2001:db8::/32', 'sg-agents'],
    )
    const [, second] = SecurityGroupRules
    assert.equal(second?.IsEgress, false)
    await stage.client.send(
      new RevokeSecurityGroupIngressCommand({ GroupId, SecurityGroupRuleIds: [second?.SecurityGroupRuleId ?? ''] }),
    )
    assert.deepEqual((await read(GroupId))?.IpPermissions?.[0]?.IpRanges, [{ CidrIp: '10.0.0.0/16' }])
  })

  it('a revocation with an unknown rule takes none away', async () => {
    const GroupId = 'sg-agents'
    const more: IpPermission = { IpProtocol: 'udp', FromPort: 53, ToPort: 53, IpRanges: [{ CidrIp: '10.0.0.0/16' }] }
    const standing: IpPermission = { IpProtocol: '6', FromPort: 22, ToPort: 22, IpRanges: [{ CidrIp: '10.0.0.0/16' }] }
    await refuses(
      stage.client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [standing, more] })),
      'InvalidPermission.NotFound',
    )
    assert.equal((await read(GroupId))?.IpPermissions?.length, 1)
    await stage.client.send(new RevokeSecurityGroupIngressCommand({ GroupId, IpPermissions: [standing] }))
    assert.deepEqual((await read(GroupId))?.IpPermissions, [])
  })

  it('names are unique in a VPC, rules in a group, and ids are known', async () => {
    await make('twice')
    await refuses(make('twice'), 'InvalidGroup.Duplicate')
    await make('twice', 'vpc-2')
    await refuses(make('sg-like-an-id'), 'InvalidParameterValue')
    await refuses(make('elsewhere', 'vpc-nobody'), 'InvalidVpcID.NotFound')
    await refuses(read('sg-nobody'), 'InvalidGroup.NotFound')
    const everything: IpPermission = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }
    await refuses(
      stage.client.send(new AuthorizeSecurityGroupEgressCommand({ GroupId: 'sg-agents', IpPermissions: [everything] })),
      'InvalidPermission.Duplicate',
    )
    await refuses(
      stage.client.send(
        new AuthorizeSecurityGroupEgressCommand({
          GroupId: 'sg-agents',
          IpPermissions: [{ ...everything, IpProtocol: 'tcp' }],
        }),
      ),
      'InvalidParameterValue',
    )
  })
})
