import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  CreateNetworkAclEntryCommand,
  CreateSnapshotsCommand,
  CreateTagsCommand,
  DescribeInstancesCommand,
  DescribeSubnetsCommand,
  DescribeVpcEndpointsCommand,
  DescribeVpcPeeringConnectionsCommand,
  DescribeVpcsCommand,
  EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
  RebootInstancesCommand,
  StopInstancesCommand,
  TerminateInstancesCommand,
} from '@aws-sdk/client-ec2'
import { addInstance, addInterface } from '../../functions/sandbox/fixture.ts'
import { connection, refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => {
  addInstance(cloud, { name: 'agent', host: 10 })
  cloud.vpcs.set('vpc-2', { id: 'vpc-2', cidr: '10.2.0.0/16', owner: '210987654321', tags: {} })
})

describe('the EC2 service over the wire', () => {
  it('a dry run is answered with an error and changes nothing', async () => {
    const before = structuredClone({ ...stage.cloud, changed: [] })
    const DryRun = true
    const answers = [
      stage.client.send(new DescribeInstancesCommand({ DryRun })),
      stage.client.send(
        new ModifyNetworkInterfaceAttributeCommand({
          NetworkInterfaceId: 'eni-agent',
          Groups: ['sg-quarantine'],
          DryRun,
        }),
      ),
      stage.client.send(
        new CreateNetworkAclEntryCommand({
          NetworkAclId: 'acl-a',
          RuleNumber: 1,
          Egress: true,
          RuleAction: 'deny',
          Protocol: '-1',
          CidrBlock: '203.0.113.9/32',
          DryRun,
        }),
      ),
      stage.client.send(new CreateSnapshotsCommand({ InstanceSpecification: { InstanceId: 'i-agent' }, DryRun })),
      stage.client.send(new CreateTagsCommand({ Resources: ['i-agent'], Tags: [{ Key: 'a', Value: 'b' }], DryRun })),
      stage.client.send(new StopInstancesCommand({ InstanceIds: ['i-agent'], DryRun })),
      stage.client.send(new TerminateInstancesCommand({ InstanceIds: ['i-agent'], DryRun })),
    ]
    await Promise.all(answers.map(answer => refuses(answer, 'DryRunOperation', 412)))
    assert.deepEqual({ ...stage.cloud, changed: [] }, before)
  })

  it('a refusal by policy comes before everything, a dry run too', async () => {
    stage.sandbox.ec2.refuse('StopInstances', 2)
    const stop = (more = {}) => stage.client.send(new StopInstancesCommand({ InstanceIds: ['i-agent'], ...more }))
    await refuses(stop({ DryRun: true }), 'UnauthorizedOperation', 403)
    await refuses(stop(), 'UnauthorizedOperation', 403)
    assert.equal(stage.cloud.instances.get('i-agent')?.state, 'running')
    await stop()
  })

  it('throttling lasts as often as told, and the SDK’s standard retry gets past it', async () => {
    stage.sandbox.ec2.throttle('DescribeInstances', 1)
    await refuses(stage.client.send(new DescribeInstancesCommand({})), 'RequestLimitExceeded', 503)
    stage.sandbox.ec2.throttle('DescribeInstances', 2)
    const patient = new EC2Client({ ...connection(stage.sandbox), maxAttempts: 5, retryMode: 'standard' })
    const { $metadata } = await patient.send(new DescribeInstancesCommand({}))
    patient.destroy()
    assert.equal($metadata.attempts, 3)
  })

  it('what it does not know it says so', async () => {
    await refuses(stage.client.send(new RebootInstancesCommand({ InstanceIds: ['i-agent'] })), 'InvalidAction')
    await refuses(stage.client.send(new StopInstancesCommand({ InstanceIds: [] })), 'MissingParameter')
  })

  it('networks are told with their ranges, peers and endpoints', async () => {
    const { Vpcs = [] } = await stage.client.send(new DescribeVpcsCommand({}))
    assert.deepEqual(
      Vpcs.map(one => [
        one.VpcId,
        one.OwnerId,
        one.CidrBlockAssociationSet?.[0]?.CidrBlock,
        one.Ipv6CidrBlockAssociationSet?.[0]?.Ipv6CidrBlock,
      ]),
      [
        ['vpc-1', '123456789012', '10.0.0.0/16', '2001:db8:0:100::/56'],
        ['vpc-2', '210987654321', '10.2.0.0/16', undefined],
      ],
    )
    const { Subnets = [] } = await stage.client.send(new DescribeSubnetsCommand({ SubnetIds: ['subnet-b'] }))
    assert.equal(Subnets[0]?.CidrBlock, '10.0.2.0/24')
    assert.deepEqual((await stage.client.send(new DescribeVpcPeeringConnectionsCommand({}))).VpcPeeringConnections, [])
    assert.deepEqual((await stage.client.send(new DescribeVpcEndpointsCommand({}))).VpcEndpoints, [])

    addInterface(stage.cloud, { name: 'endpoint', host: 50 }, undefined, 0)
    stage.cloud.peerings?.set('pcx-1', { id: 'pcx-1', requester: 'vpc-1', accepter: 'vpc-2' })
    stage.cloud.endpoints?.set('vpce-1', {
      id: 'vpce-1',
      vpc: 'vpc-1',
      service: 'com.amazonaws.eu-central-1.sqs',
      interfaces: ['eni-endpoint'],
    })
    const peerings = await stage.client.send(new DescribeVpcPeeringConnectionsCommand({}))
    const [peering] = peerings.VpcPeeringConnections ?? []
    assert.equal(peering?.Status?.Code, 'active')
    assert.equal(peering?.AccepterVpcInfo?.CidrBlock, '10.2.0.0/16')
    const endpoints = await stage.client.send(
      new DescribeVpcEndpointsCommand({ Filters: [{ Name: 'vpc-id', Values: ['vpc-1'] }] }),
    )
    assert.deepEqual(endpoints.VpcEndpoints?.[0]?.NetworkInterfaceIds, ['eni-endpoint'])
  })
})
