import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CreateNetworkAclEntryCommand,
  type CreateNetworkAclEntryCommandInput,
  DeleteNetworkAclEntryCommand,
  DescribeNetworkAclsCommand,
  ReplaceNetworkAclEntryCommand,
} from '@aws-sdk/client-ec2'
import { addInstance } from '../../functions/sandbox/fixture.ts'
import { refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => addInstance(cloud, { name: 'agent', host: 10 }))
const deny: CreateNetworkAclEntryCommandInput = {
  NetworkAclId: 'acl-a',
  RuleNumber: 7,
  Egress: true,
  RuleAction: 'deny',
  Protocol: '-1',
  CidrBlock: '203.0.113.9/32',
}
const create = (more: Partial<CreateNetworkAclEntryCommandInput> = {}) =>
  stage.client.send(new CreateNetworkAclEntryCommand({ ...deny, ...more }))
const { CidrBlock: _, ...withoutRange } = deny
const entries = async () => {
  const { NetworkAcls } = await stage.client.send(new DescribeNetworkAclsCommand({ NetworkAclIds: ['acl-a'] }))
  return NetworkAcls?.[0]?.Entries ?? []
}

describe('network ACLs over the wire', () => {
  it('are found by VPC and by subnet, with entries in order and their subnets', async () => {
    const found = async (Name: string, ...Values: string[]) =>
      (await stage.client.send(new DescribeNetworkAclsCommand({ Filters: [{ Name, Values }] }))).NetworkAcls ?? []
    assert.deepEqual(
      (await found('vpc-id', 'vpc-1')).map(({ NetworkAclId, IsDefault }) => [NetworkAclId, IsDefault]),
      [
        ['acl-a', true],
        ['acl-b', false],
      ],
    )
    const [acl] = await found('association.subnet-id', 'subnet-b')
    assert.equal(acl?.NetworkAclId, 'acl-b')
    assert.equal(acl?.OwnerId, '123456789012')
    assert.deepEqual(
      acl?.Associations?.map(({ SubnetId }) => SubnetId),
      ['subnet-b'],
    )
    assert.deepEqual(acl?.Entries?.[0], {
      CidrBlock: '0.0.0.0/0',
      Egress: true,
      Protocol: '-1',
      RuleAction: 'allow',
      RuleNumber: 100,
    })
    await refuses(
      stage.client.send(new DescribeNetworkAclsCommand({ NetworkAclIds: ['acl-nobody'] })),
      'InvalidNetworkAclID.NotFound',
    )
  })

  it('an entry stands in its direction and family, and its number is taken', async () => {
    await create()
    await create({ Egress: false })
    await stage.client.send(
      new CreateNetworkAclEntryCommand({ ...withoutRange, RuleNumber: 8, Ipv6CidrBlock: '2001:db8::9/128' }),
    )
    await create({ RuleNumber: 9, Protocol: 'tcp', PortRange: { From: 22, To: 22 } })
    await refuses(create({ CidrBlock: '203.0.113.10/32' }), 'NetworkAclEntryAlreadyExists')
    const added = (await entries()).filter(({ RuleNumber = 0 }) => RuleNumber < 100)
    assert.deepEqual(
      added.map(one => [
        one.RuleNumber,
        one.Egress,
        one.CidrBlock ?? one.Ipv6CidrBlock,
        one.Protocol,
        one.PortRange?.From,
      ]),
      [
        [7, true, '203.0.113.9/32', '-1', undefined],
        [7, false, '203.0.113.9/32', '-1', undefined],
        [8, true, '2001:db8::9/128', '-1', undefined],
        [9, true, '203.0.113.9/32', '6', 22],
      ],
    )
  })

  it('two that claim the same number at once: one gets it', async () => {
    const settled = await Promise.allSettled([create(), create({ CidrBlock: '198.51.100.9/32' })])
    assert.deepEqual(settled.map(({ status }) => status).toSorted(), ['fulfilled', 'rejected'])
  })

  it('the quota counts one direction, with what denies last', async () => {
    for (let number = 1; number <= 16; number++) await create({ RuleNumber: number })
    await refuses(create({ RuleNumber: 17 }), 'NetworkAclEntryLimitExceeded')
    await create({ RuleNumber: 17, Egress: false })
  })

  it('an entry is replaced and deleted by number and direction', async () => {
    await create()
    await stage.client.send(new ReplaceNetworkAclEntryCommand({ ...deny, CidrBlock: '203.0.113.0/24' }))
    assert.equal((await entries()).find(({ RuleNumber }) => RuleNumber === 7)?.CidrBlock, '203.0.113.0/24')
    const place = { NetworkAclId: 'acl-a', RuleNumber: 7, Egress: true }
    await refuses(
      stage.client.send(new DeleteNetworkAclEntryCommand({ ...place, Egress: false })),
      'InvalidNetworkAclEntry.NotFound',
    )
    await stage.client.send(new DeleteNetworkAclEntryCommand(place))
    await refuses(stage.client.send(new DeleteNetworkAclEntryCommand(place)), 'InvalidNetworkAclEntry.NotFound')
    await refuses(stage.client.send(new ReplaceNetworkAclEntryCommand(deny)), 'InvalidNetworkAclEntry.NotFound')
  })

  it('what denies last, ranges that are none and numbers out of range are refused', async () => {
    await refuses(
      stage.client.send(new DeleteNetworkAclEntryCommand({ NetworkAclId: 'acl-a', RuleNumber: 32_767, Egress: true })),
      'InvalidParameterValue',
    )
    await refuses(create({ RuleNumber: 0 }), 'InvalidParameterValue')
    await refuses(create({ CidrBlock: '203.0.113.9' }), 'InvalidParameterValue')
    await refuses(create({ CidrBlock: '2001:db8::9/128' }), 'InvalidParameterValue')
    await refuses(create({ Ipv6CidrBlock: '2001:db8::9/128' }), 'InvalidParameterCombination')
    await refuses(create({ Protocol: '6' }), 'MissingParameter')
    assert.equal((await entries()).length, 8)
  })

  it('the ACL of a shared VPC can be seen but not changed', async () => {
    const acl = stage.cloud.acls.get('acl-a')
    assert.ok(acl)
    acl.owner = '210987654321'
    assert.equal((await entries()).length, 8)
    await refuses(create(), 'UnauthorizedOperation', 403)
    await refuses(create({ DryRun: true }), 'UnauthorizedOperation', 403)
    assert.equal((await entries()).length, 8)
  })
})
