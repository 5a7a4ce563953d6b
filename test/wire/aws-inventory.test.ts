import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fleetReader } from '../../functions/clouds/aws/inventory.ts'
import { setStage, signal } from './ec2-stage.ts'

test('readFleet() shows instances, every interface and the networks', async () => {
  await using stage = await setStage(undefined, cloud => {
    const gone = cloud.instances.get('i-1')
    if (gone) cloud.instances.set('i-0', { ...gone, id: 'i-0', state: 'terminated' })
  })
  const fleet = await fleetReader(stage.ec2, { now: () => 7 }, '111122223333', 'us-east-1')(signal())
  assert.equal(fleet.at, 7)
  assert.deepEqual(fleet.instances.map(({ instance }) => instance).toSorted(), ['i-1', 'i-2'])
  const one = fleet.instances.find(({ instance }) => instance === 'i-1')
  assert.equal(one?.tags['firebreak:scope'], 'agent')
  assert.deepEqual(one?.interfaces, [
    {
      id: 'eni-1',
      subnet: 'subnet-1',
      acl: 'acl-1',
      addresses: ['10.0.1.11', '2001:db8:1::a'],
      publicAddresses: ['198.51.100.7'],
    },
    { id: 'eni-2', subnet: 'subnet-2', acl: 'acl-2', addresses: ['10.0.2.12'], publicAddresses: [] },
  ])
  assert.deepEqual(fleet.interfaces.map(({ id, acl, instance }) => [id, acl, instance]).toSorted(), [
    ['eni-1', 'acl-1', 'i-1'],
    ['eni-2', 'acl-2', 'i-1'],
    ['eni-3', 'acl-3', 'i-2'],
    ['eni-4', 'acl-1', undefined],
  ])
  const network = fleet.networks.find(({ vpc }) => vpc === 'vpc-1')
  assert.deepEqual(network?.cidrs, ['10.0.0.0/16', '2001:db8:1::/56'])
  assert.deepEqual(network?.peeredCidrs, ['10.1.0.0/16'])
  // The endpoint's own address, and the public one that stands in the VPC.
  assert.deepEqual(network?.endpoints, ['10.0.1.14', '198.51.100.7'])
})
