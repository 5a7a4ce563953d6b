import assert from 'node:assert/strict'
import { test } from 'node:test'
import { QUARANTINE_TAG, quarantinePreparer } from '../../functions/clouds/aws/quarantine.ts'
import type { Cloud, SecurityGroup } from '../../functions/sandbox/cloud.ts'
import { setStage, signal } from './ec2-stage.ts'

function ruleCount(cloud: Cloud, id: string): number | undefined {
  const group = cloud.groups.get(id)
  return group && group.ingress.length + group.egress.length
}

const tagged = (id: string, vpc: string): SecurityGroup => ({
  id,
  name: 'anything',
  description: '',
  vpc,
  ingress: [],
  egress: [
    { protocol: '-1', from: -1, to: -1, cidr: '0.0.0.0/0' },
    { protocol: '-1', from: -1, to: -1, cidr: '::/0' },
  ],
  tags: { [QUARANTINE_TAG]: vpc },
})

test('a new quarantine group has no rule, of either family, and is tagged', async () => {
  await using stage = await setStage()
  const id = await quarantinePreparer(stage.ec2)('vpc-1', undefined, signal())
  assert.equal(ruleCount(stage.cloud, id), 0)
  assert.deepEqual(stage.cloud.groups.get(id)?.tags, { [QUARANTINE_TAG]: 'vpc-1' })
  const revoked = stage.road.seen.find(({ operation }) => operation === 'RevokeSecurityGroupEgress')
  assert.match(new URLSearchParams(revoked?.body).toString(), /CidrIpv6=%3A%3A%2F0/)
})

test('the recorded group is used again, and emptied of what was added to it', async () => {
  await using stage = await setStage()
  const prepare = quarantinePreparer(stage.ec2)
  const id = await prepare('vpc-1', undefined, signal())
  stage.cloud.groups.get(id)?.ingress.push({ protocol: 'tcp', from: 22, to: 22, cidr: '0.0.0.0/0' })
  assert.equal(await prepare('vpc-1', id, signal()), id)
  assert.equal(ruleCount(stage.cloud, id), 0)
  assert.equal(stage.road.count('CreateSecurityGroup'), 1)
})

test('a group that an earlier try left half made is completed', async () => {
  await using stage = await setStage(undefined, cloud => cloud.groups.set('sg-half', tagged('sg-half', 'vpc-1')))
  assert.equal(await quarantinePreparer(stage.ec2)('vpc-1', undefined, signal()), 'sg-half')
  assert.equal(ruleCount(stage.cloud, 'sg-half'), 0)
})

test('a group with the tag that something uses is neither taken nor emptied', async () => {
  await using stage = await setStage(undefined, cloud => {
    cloud.groups.set('sg-used', tagged('sg-used', 'vpc-1'))
    cloud.interfaces.get('eni-3')?.groups.push('sg-used')
  })
  const id = await quarantinePreparer(stage.ec2)('vpc-1', undefined, signal())
  assert.notEqual(id, 'sg-used')
  assert.equal(ruleCount(stage.cloud, 'sg-used'), 2)
})

test('a recorded group that is gone, or stands in another VPC, is replaced', async () => {
  for (const recorded of ['sg-0123456789abcdef0', 'sg-other']) {
    await using stage = await setStage(undefined, cloud => cloud.groups.set('sg-other', tagged('sg-other', 'vpc-2')))
    const id = await quarantinePreparer(stage.ec2)('vpc-1', recorded, signal())
    assert.equal(stage.cloud.groups.get(id)?.vpc, 'vpc-1')
    assert.equal(ruleCount(stage.cloud, id), 0)
    assert.equal(ruleCount(stage.cloud, 'sg-other'), 2)
  }
})

test('a try that dies after the group is made is completed by the next, without a second group', async () => {
  await using stage = await setStage((operation, earlier) =>
    operation === 'CreateSecurityGroup' && earlier === 0 ? 'lose-answer' : 'pass',
  )
  const prepare = quarantinePreparer(stage.ec2)
  await assert.rejects(prepare('vpc-1', undefined, signal()), /InvalidGroup\.Duplicate|already exists/)
  const id = await prepare('vpc-1', undefined, signal())
  assert.equal(ruleCount(stage.cloud, id), 0)
  assert.equal([...stage.cloud.groups.values()].filter(({ tags }) => QUARANTINE_TAG in tags).length, 1)
})
