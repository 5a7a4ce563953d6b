import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Description } from '../../functions/core/description.ts'
import { setStage, signal } from './ec2-stage.ts'

test('describe() is one round trip deep when the hint names the right VPC', async () => {
  await using stage = await setStage(undefined, undefined, { inRounds: true })
  const description = await stage.described()
  assert.equal(stage.road.rounds, 1)
  assert.deepEqual(Description.parse(description), description)
  assert.deepEqual(
    description.interfaces.map(({ id, primary, groups }) => ({ id, primary, groups })),
    [
      { id: 'eni-1', primary: true, groups: ['sg-b', 'sg-a'] },
      { id: 'eni-2', primary: false, groups: ['sg-c'] },
    ],
  )
  assert.deepEqual(description.interfaces[0]?.addresses, ['10.0.1.11', '2001:db8:1::a'])
  assert.deepEqual(description.interfaces[0]?.publicAddresses, [
    { address: '198.51.100.7', private: '10.0.1.11', allocation: 'eipalloc-1', association: 'eipassoc-1' },
  ])
  assert.deepEqual(description.protection, { termination: false, stop: false, shutdown: 'terminate' })
  assert.deepEqual(
    description.volumes.map(({ id, device, deleteOnTermination }) => [id, device, deleteOnTermination]).toSorted(),
    [
      ['vol-1', '/dev/xvda', true],
      ['vol-2', '/dev/sdf', true],
      ['vol-3', '/dev/sdg', true],
    ],
  )
  assert.equal(description.account, '111122223333')
  assert.equal(description.launchedAt, Date.parse('2026-11-01T00:00:00Z'))
  assert.equal(description.tags['Name'], '<b>agent</b>')
  assert.deepEqual(description.acls.map(({ id, ours }) => [id, ours]).toSorted(), [
    ['acl-1', true],
    ['acl-2', true],
  ])
})

test('describe() takes a second round trip when the hint is wrong or missing', async () => {
  for (const hint of ['vpc-2', undefined]) {
    await using stage = await setStage(undefined, undefined, { inRounds: true })
    const description = await stage.instances.describe('i-1', hint, signal())
    assert.equal(description?.vpc, 'vpc-1')
    assert.equal(description?.acls.length, 2)
    assert.equal(stage.road.rounds, 2)
  }
})

test('describe() says that an ACL of another account is not ours, and that an instance is Spot', async () => {
  await using stage = await setStage()
  const description = await stage.described('i-2')
  assert.deepEqual(
    description.acls.map(({ id, ours }) => [id, ours]),
    [['acl-3', false]],
  )
  assert.equal(description.spot, true)
})

test('describe() answers undefined for an instance that does not exist', async () => {
  await using stage = await setStage()
  assert.equal(await stage.instances.describe('i-0123456789abcdef0', 'vpc-1', signal()), undefined)
})

test('describe() goes on without the attributes when they fail or hang', async () => {
  for (const fate of ['refuse', 'hang'] as const) {
    await using stage = await setStage(operation => (operation === 'DescribeInstanceAttribute' ? fate : 'pass'))
    const description = await stage.described()
    assert.deepEqual(description.protection, {})
    assert.equal(description.interfaces.length, 2)
  }
})

test('describe() goes on without the associations when the interfaces cannot be listed', async () => {
  await using stage = await setStage(operation => (operation === 'DescribeNetworkInterfaces' ? 'hang' : 'pass'))
  const [first] = (await stage.described()).interfaces
  assert.deepEqual(first?.publicAddresses, [{ address: '198.51.100.7', private: '10.0.1.11' }])
})

test('describe() ends when its signal does', async () => {
  await using stage = await setStage(operation => (operation === 'DescribeInstances' ? 'hang' : 'pass'))
  await assert.rejects(stage.instances.describe('i-1', 'vpc-1', AbortSignal.timeout(100)), { name: 'AbortError' })
})
