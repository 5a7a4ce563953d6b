import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  AssociateAddressCommand,
  DescribeAddressesCommand,
  DescribeNetworkInterfacesCommand,
  DisassociateAddressCommand,
  ModifyNetworkInterfaceAttributeCommand,
  type ModifyNetworkInterfaceAttributeCommandInput,
} from '@aws-sdk/client-ec2'
import { addGroup, addInstance, addInterface } from '../../functions/sandbox/fixture.ts'
import { refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => {
  addInstance(cloud, { name: 'agent', host: 10, publicAddress: '192.0.2.10' })
  addInterface(cloud, { name: 'second', subnet: 'subnet-b', host: 11 }, 'i-agent', 1)
  addInstance(cloud, { name: 'other', host: 20, assigned: '192.0.2.20' })
  addInterface(cloud, { name: 'loose', host: 30 }, undefined, 0)
  addGroup(cloud, 'sg-foreign', [], [], 'vpc-2')
})
const modify = (input: Omit<ModifyNetworkInterfaceAttributeCommandInput, 'NetworkInterfaceId'>, id = 'eni-agent') =>
  stage.client.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: id, ...input }))
const describeBy = async (Name: string, ...Values: string[]) => {
  const { NetworkInterfaces = [] } = await stage.client.send(
    new DescribeNetworkInterfacesCommand({ Filters: [{ Name, Values }] }),
  )
  return NetworkInterfaces
}

describe('interfaces over the wire', () => {
  it('are found by instance, group, subnet and address', async () => {
    const ids = async (name: string, ...values: string[]) =>
      (await describeBy(name, ...values)).map(({ NetworkInterfaceId }) => NetworkInterfaceId)
    assert.deepEqual(await ids('attachment.instance-id', 'i-agent'), ['eni-agent', 'eni-second'])
    assert.deepEqual(await ids('group-id', 'sg-quarantine'), [])
    assert.deepEqual(await ids('subnet-id', 'subnet-b'), ['eni-second'])
    assert.deepEqual(await ids('addresses.private-ip-address', '10.0.1.20'), ['eni-other'])
    assert.deepEqual(await ids('status', 'available'), ['eni-loose'])
  })

  it('say which association can be undone', async () => {
    const [one] = await describeBy('network-interface-id', 'eni-agent')
    assert.deepEqual(one?.PrivateIpAddresses?.[0]?.Association, {
      AllocationId: 'eipalloc-agent',
      AssociationId: 'eipassoc-agent',
      IpOwnerId: '123456789012',
      PublicIp: '192.0.2.10',
    })
    const [assigned] = await describeBy('network-interface-id', 'eni-other')
    assert.deepEqual(assigned?.Association, { IpOwnerId: 'amazon', PublicIp: '192.0.2.20' })
  })

  it('groups are replaced, and the network is told', async () => {
    const told: string[] = []
    stage.cloud.changed.push(({ action, target }) => told.push(`${action} ${target}`))
    await modify({ Groups: ['sg-quarantine', 'sg-agents', 'sg-agents'] })
    assert.deepEqual(stage.cloud.interfaces.get('eni-agent')?.groups, ['sg-quarantine', 'sg-agents'])
    assert.deepEqual(stage.cloud.interfaces.get('eni-second')?.groups, ['sg-agents'])
    assert.deepEqual(told, ['ModifyNetworkInterfaceAttribute eni-agent'])
  })

  it('an unknown group, one of another VPC and one too many leave the groups as they are', async () => {
    const many = Array.from({ length: 6 }, (_, index) => `sg-more-${index}`)
    for (const id of many) addGroup(stage.cloud, id, [], [])
    await refuses(modify({ Groups: ['sg-quarantine', 'sg-nobody'] }), 'InvalidGroup.NotFound')
    await refuses(modify({ Groups: ['sg-foreign'] }), 'InvalidGroup.NotFound')
    await refuses(modify({ Groups: many }), 'SecurityGroupsPerInterfaceLimitExceeded')
    await refuses(modify({ Groups: ['sg-quarantine'] }, 'eni-nobody'), 'InvalidNetworkInterfaceID.NotFound')
    assert.deepEqual(stage.cloud.interfaces.get('eni-agent')?.groups, ['sg-agents'])
  })

  it('one attribute is changed a call', async () => {
    await refuses(modify({ Groups: ['sg-quarantine'], AssociatePublicIpAddress: false }), 'InvalidParameterCombination')
    await refuses(modify({}), 'InvalidParameterCombination')
  })

  it('an assigned address is taken away, and another one comes', async () => {
    await modify({ AssociatePublicIpAddress: false }, 'eni-other')
    assert.equal(stage.cloud.interfaces.get('eni-other')?.assigned, undefined)
    await modify({ AssociatePublicIpAddress: true }, 'eni-other')
    const [one] = await describeBy('network-interface-id', 'eni-other')
    assert.match(one?.Association?.PublicIp ?? '', /^192\.0\.2\.\d+$/)
  })

  it('an elastic address is taken from the interface and given back', async () => {
    const elastic = async () => (await stage.client.send(new DescribeAddressesCommand({}))).Addresses?.[0]
    await stage.client.send(new DisassociateAddressCommand({ AssociationId: 'eipassoc-agent' }))
    assert.equal((await elastic())?.AssociationId, undefined)
    await refuses(
      stage.client.send(new DisassociateAddressCommand({ AssociationId: 'eipassoc-agent' })),
      'InvalidAssociationID.NotFound',
    )
    const back = { AllocationId: 'eipalloc-agent', NetworkInterfaceId: 'eni-agent', PrivateIpAddress: '10.0.1.10' }
    const { AssociationId } = await stage.client.send(new AssociateAddressCommand(back))
    const held = await elastic()
    assert.equal(held?.AssociationId, AssociationId)
    assert.equal(held?.InstanceId, 'i-agent')
    await refuses(
      stage.client.send(
        new AssociateAddressCommand({
          AllocationId: 'eipalloc-agent',
          NetworkInterfaceId: 'eni-other',
          AllowReassociation: false,
        }),
      ),
      'Resource.AlreadyAssociated',
    )
    await refuses(
      stage.client.send(new AssociateAddressCommand({ ...back, AllocationId: 'eipalloc-nobody' })),
      'InvalidAllocationID.NotFound',
    )
  })
})
