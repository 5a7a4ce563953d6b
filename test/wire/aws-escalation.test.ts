import assert from 'node:assert/strict'
import { test } from 'node:test'
import { protect } from '../../functions/clouds/aws/steps/protect.ts'
import { publicAddresses } from '../../functions/clouds/aws/steps/public-addresses.ts'
import { stop } from '../../functions/clouds/aws/steps/stop.ts'
import { swapGroups } from '../../functions/clouds/aws/steps/swap-groups.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { afterStep, allow, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

const PEER = '203.0.113.9'
const DROP = { dropAssigned: true }
const KEEP = { dropAssigned: false }

test('public-addresses takes the elastic address away where an external peer may not be denied, and gives it back', async () => {
  await using stage = await setStage()
  const step = publicAddresses(stage.ec2, DROP)
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.addresses.get('eipalloc-1')?.association, undefined)
  const after = afterStep(incident, step, outcome)
  assert.deepEqual(await step.verify({ incident: after, attempt: 1, signal: signal() }), { holds: true, notes: [] })
  await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.addresses.get('eipalloc-1')?.interface, 'eni-1')
})

test('public-addresses takes an assigned address away where that is configured, and says that another one comes back', async () => {
  await using stage = await setStage(undefined, cloud => {
    cloud.addresses.clear()
    const primary = cloud.interfaces.get('eni-1')
    if (primary) primary.assigned = '198.51.100.8'
  })
  const step = publicAddresses(stage.ec2, DROP)
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.interfaces.get('eni-1')?.assigned, undefined)
  const after = afterStep(incident, step, outcome)
  const { unable } = await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.ok(stage.cloud.interfaces.get('eni-1')?.assigned)
  assert.match(unable.join(), /Public address 198\.51\.100\.8 was not elastic/)
})

test('public-addresses keeps an assigned address that would not come back, and what takes an elastic one’s place goes', async () => {
  await using stage = await setStage(undefined, cloud => {
    const second = cloud.interfaces.get('eni-2')
    if (second) second.assigned = '198.51.100.8'
  })
  const step = publicAddresses(stage.ec2, KEEP)
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.addresses.get('eipalloc-1')?.association, undefined)
  assert.equal(stage.cloud.interfaces.get('eni-2')?.assigned, '198.51.100.8')
  assert.deepEqual(outcome.unable, ['198.51.100.8 of eni-2 is not elastic and would not come back, so it stays'])
  const after = afterStep(incident, step, outcome)
  assert.equal((await step.verify({ incident: after, attempt: 1, signal: signal() })).holds, true)

  const primary = stage.cloud.interfaces.get('eni-1')
  assert.ok(primary)
  primary.assigned = '198.51.100.9'
  const { holds, notes } = await step.verify({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual({ holds, notes }, { holds: false, notes: ['eni-1 has the public address 198.51.100.9'] })
  const again = await step.apply({ incident: after, attempt: 1, signal: signal() })
  assert.equal(primary.assigned, undefined)
  await step.revert({ incident: afterStep(after, step, again), attempt: 1, signal: signal() })
  assert.equal(stage.cloud.addresses.get('eipalloc-1')?.interface, 'eni-1')
  assert.equal(primary.assigned, undefined)
})

test('stop comes where an assigned address stays that leads to the peer', async () => {
  const assigned = (cloud: Cloud) => {
    cloud.addresses.clear()
    for (const [index, one] of [...cloud.interfaces.values()].entries()) one.assigned = `198.51.100.${10 + index}`
  }
  for (const [settings, state] of [
    [DROP, /^running/],
    [KEEP, /^stop/],
  ] as const) {
    await using stage = await setStage(undefined, assigned)
    const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
    await stop(stage.ec2, { ...settings, stopWhenNeeded: true }).apply({ incident, attempt: 1, signal: signal() })
    assert.match(stage.cloud.instances.get('i-1')?.state ?? '', state)
  }
})

test('public-addresses leaves the address where every peer is denied or stands inside', async () => {
  await using stage = await setStage()
  const step = publicAddresses(stage.ec2, DROP)
  const description = await stage.described()
  const denied = incidentOf(description, { denials: [allow('acl-1', PEER)] })
  assert.deepEqual((await step.apply({ incident: denied, attempt: 1, signal: signal() })).unable, [])
  const inside = incidentOf(description, { denials: [refuse('acl-1', '10.0.1.40')] })
  const { unable } = await step.apply({ incident: inside, attempt: 1, signal: signal() })
  assert.match(unable.join(), /No public IPv4 address of the instance leads to 10\.0\.1\.40/)
  assert.equal(stage.cloud.addresses.get('eipalloc-1')?.interface, 'eni-1')
})

test('public-addresses comes due when the ACL has no room for a deny', async () => {
  await using stage = await setStage()
  const step = publicAddresses(stage.ec2, DROP)
  const incident = incidentOf(await stage.described(), { denials: [allow('acl-1', PEER)] })
  const full = afterStep(
    incident,
    { ...step, id: 'deny-peers' },
    { done: [], unable: [], facts: { undenied: [`acl-1 ${PEER}`] } },
  )
  assert.notEqual(step.covers?.(full), step.covers?.(incident))
})

test('public-addresses verify() sees an address that came back', async () => {
  await using stage = await setStage()
  const step = publicAddresses(stage.ec2, DROP)
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  const { holds, notes } = await step.verify({ incident, attempt: 1, signal: signal() })
  assert.equal(holds, false)
  assert.deepEqual(notes, ['eni-1 has the public address 198.51.100.7'])
})

test('stop lifts its protection and stops what nothing else ends, only where that is configured', async () => {
  await using stage = await setStage(undefined, cloud => {
    const one = cloud.instances.get('i-1')
    if (one) one.stopProtection = true
  })
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', '10.0.1.40')] })
  const state = () => stage.cloud.instances.get('i-1')?.state
  await stop(stage.ec2, { ...KEEP, stopWhenNeeded: false }).apply({ incident, attempt: 1, signal: signal() })
  assert.equal(state(), 'running')
  const step = stop(stage.ec2, { ...DROP, stopWhenNeeded: true })
  const outcome = await step.apply({ incident, attempt: 1, signal: signal() })
  assert.match(state() ?? '', /^stop/)
  assert.match(outcome.unable.join(), /do not survive a stop/)
  const after = afterStep(incident, step, outcome)
  assert.equal((await step.verify({ incident: after, attempt: 1, signal: signal() })).holds, true)
  const one = stage.cloud.instances.get('i-1')
  assert.ok(one)
  one.state = 'stopped'
  await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.notEqual(state(), 'stopped')
})

test('stop leaves an instance running whose peers its addresses alone lead to', async () => {
  await using stage = await setStage(undefined, cloud => {
    const secondary = cloud.interfaces.get('eni-2')
    if (secondary) secondary.assigned = '198.51.100.8'
  })
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  await stop(stage.ec2, { ...DROP, stopWhenNeeded: true }).apply({ incident, attempt: 1, signal: signal() })
  assert.equal(stage.cloud.instances.get('i-1')?.state, 'running')
})

test('stop comes where another interface leads to the peer through a shared gateway', async () => {
  await using stage = await setStage()
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  await stop(stage.ec2, { ...DROP, stopWhenNeeded: true }).apply({ incident, attempt: 1, signal: signal() })
  assert.match(stage.cloud.instances.get('i-1')?.state ?? '', /^stop/)
})

test('public-addresses leaves an elastic address to whoever got it meanwhile, and says so', async () => {
  await using stage = await setStage()
  const step = publicAddresses(stage.ec2, DROP)
  const incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)] })
  const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const address = stage.cloud.addresses.get('eipalloc-1')
  assert.ok(address)
  Object.assign(address, { interface: 'eni-3', association: 'eipassoc-9' })
  const { unable } = await step.revert({ incident: after, attempt: 1, signal: signal() })
  assert.deepEqual(unable, ['198.51.100.7 cannot be given back to eni-1 (Resource.AlreadyAssociated)'])
  assert.equal(address.interface, 'eni-3')
})

test('every step can be reverted of an instance that was terminated, so that its incident can be closed', async () => {
  await using stage = await setStage()
  const settings = { ...DROP, stopWhenNeeded: true }
  const steps = [
    swapGroups(stage.ec2),
    publicAddresses(stage.ec2, DROP),
    stop(stage.ec2, settings),
    protect(stage.ec2, settings),
  ]
  let incident = incidentOf(await stage.described(), { denials: [refuse('acl-1', PEER)], quarantine: 'sg-c' })
  for (const step of steps)
    incident = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
  const one = stage.cloud.instances.get('i-1')
  assert.ok(one)
  one.state = 'terminated'
  for (const id of ['eni-1', 'eni-2']) stage.cloud.interfaces.delete(id)
  for (const known of [true, false]) {
    if (!known) stage.cloud.instances.delete('i-1')
    const unable = []
    for (const step of steps.toReversed())
      unable.push(...(await step.revert({ incident, attempt: 1, signal: signal() })).unable)
    assert.match(unable.join(), /198\.51\.100\.7 cannot be given back.*eni-1 is not attached any more/s)
  }
})
