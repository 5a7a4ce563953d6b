import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  DescribeInstancesCommand,
  ModifyInstanceMetadataOptionsCommand,
  type ModifyInstanceMetadataOptionsCommandInput,
} from '@aws-sdk/client-ec2'
import { addInstance } from '../../functions/sandbox/fixture.ts'
import { refuses, stageSandbox } from './sandbox-stage.ts'

const stage = stageSandbox(cloud => addInstance(cloud, { name: 'a', host: 10 }))

const modify = (input: Omit<ModifyInstanceMetadataOptionsCommandInput, 'InstanceId'>, instance = 'i-a') =>
  stage.client.send(new ModifyInstanceMetadataOptionsCommand({ InstanceId: instance, ...input }))

test('ModifyInstanceMetadataOptions changes what is given and leaves the rest, and DescribeInstances tells of it', async () => {
  const { InstanceId, InstanceMetadataOptions } = await modify({ HttpEndpoint: 'disabled', HttpPutResponseHopLimit: 2 })
  assert.equal(InstanceId, 'i-a')
  const options = {
    HttpEndpoint: 'disabled',
    HttpTokens: 'optional',
    HttpPutResponseHopLimit: 2,
    HttpProtocolIpv6: 'disabled',
    InstanceMetadataTags: 'disabled',
  }
  assert.deepEqual(InstanceMetadataOptions, { ...options, State: 'pending' })
  const { Reservations } = await stage.client.send(new DescribeInstancesCommand({ InstanceIds: ['i-a'] }))
  assert.deepEqual(Reservations?.[0]?.Instances?.[0]?.MetadataOptions, { ...options, State: 'applied' })
})

test('ModifyInstanceMetadataOptions refuses values that EC2 does not know and changes nothing', async () => {
  // @ts-expect-error The SDK sends what it is given.
  await refuses(modify({ HttpEndpoint: 'off' }), 'InvalidParameterValue')
  await refuses(modify({ HttpPutResponseHopLimit: 65 }), 'InvalidParameterValue')
  await refuses(modify({ HttpEndpoint: 'disabled', DryRun: true }), 'DryRunOperation', 412)
  assert.equal(stage.cloud.instances.get('i-a')?.metadata.endpoint, 'enabled')
})

test('ModifyInstanceMetadataOptions refuses an instance that is not there or is being terminated', async () => {
  await refuses(modify({ HttpEndpoint: 'disabled' }, 'i-none'), 'InvalidInstanceID.NotFound')
  const one = stage.cloud.instances.get('i-a')
  assert.ok(one)
  one.state = 'terminated'
  await refuses(modify({ HttpEndpoint: 'disabled' }), 'IncorrectInstanceState')
})
