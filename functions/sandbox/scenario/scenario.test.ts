import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { InputError } from '../../core/errors.ts'
import { buildCloud } from './build.ts'
import { readScenario, Scenario } from './scenario.ts'

const folder = new URL('../../../events/scenarios/', import.meta.url)
const names = readdirSync(folder).map(file => file.replace('.json', ''))
const read = (name: string) => readScenario(new URL(`${name}.json`, folder))
const raw = (name: string) => JSON.parse(readFileSync(new URL(`${name}.json`, folder), 'utf8'))

test('each scenario is named as its file and begins with the day that the neighbour check needs', () => {
  assert.deepEqual(names.toSorted(), ['blind', 'ordinary', 'pivot', 'rome', 'shared-peer', 'tunnel-443', 'tunnel-only'])
  for (const name of names) {
    assert.equal(read(name).name, name)
    assert.equal(read(name).history, 24 * 3_600_000)
  }
})

test('the same scenario builds the same cloud', () => {
  const build = () => ({ ...buildCloud(read('rome')).cloud, changed: [] })
  assert.deepEqual(build(), build())
})

test('rome has more than 100 agents in scope, and its instance two interfaces and three volumes', () => {
  const { cloud, members } = buildCloud(read('rome'))
  const agents = [...cloud.instances.values()].filter(({ tags }) => tags['firebreak:scope'] === 'agent')
  assert.ok(agents.length > 100)
  const rome = members.find(({ name }) => name === 'rome')
  assert.equal(rome?.interfaces.length, 2)
  assert.equal([...cloud.volumes.values()].filter(({ instance }) => instance === rome?.instance).length, 3)
  const aclOf = (name: string) => {
    const found = members.find(one => one.name === name)?.interfaces[0] ?? ''
    return cloud.subnets.get(cloud.interfaces.get(found)?.subnet ?? '')?.acl
  }
  assert.equal(aclOf('neighbour'), aclOf('rome'))
  assert.notEqual(aclOf('exempt-agent'), aclOf('rome'))
  assert.notEqual(aclOf('outsider'), aclOf('rome'))
})

test('every address of a cloud is given once, and every reference leads somewhere', () => {
  for (const name of names) {
    const { cloud } = buildCloud(read(name))
    const addresses = [...cloud.interfaces.values()].flatMap(({ vpc, address, ipv6 }) =>
      [address, ...ipv6].map(one => `${vpc} ${one}`),
    )
    assert.equal(new Set(addresses).size, addresses.length, name)
    for (const { subnet, instance = '', groups } of cloud.interfaces.values()) {
      assert.ok(cloud.subnets.has(subnet) && cloud.instances.has(instance) && groups.every(id => cloud.groups.has(id)))
      assert.ok(cloud.acls.has(cloud.subnets.get(subnet)?.acl ?? ''))
    }
  }
})

test('a scenario that names what is not there is refused with each place', () => {
  const broken = raw('pivot')
  broken.instances[0].interfaces = [['nowhere']]
  broken.instances[1].breakouts[1].to = 'nobody'
  broken.expect.untouched = ['stranger']
  const { success, error } = Scenario.safeParse(broken)
  assert.equal(success, false)
  const messages = error?.issues.map(({ message }) => message) ?? []
  assert.deepEqual(messages, [
    'instance agent stands in no subnet: "nowhere"',
    'instance worker opens a session to no instance: "nobody"',
    'an expectation names no instance: "stranger"',
  ])
})

test('readScenario() refuses a misspelt key and a file that is not there', () => {
  assert.equal(Scenario.safeParse({ ...raw('pivot'), tickests: 1 }).success, false)
  assert.throws(() => readScenario(new URL('none.json', folder)), InputError)
})
