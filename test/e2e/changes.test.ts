import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  AttachNetworkInterfaceCommand,
  AuthorizeSecurityGroupIngressCommand,
  DetachNetworkInterfaceCommand,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { brokenOut, groupsOf, playToFinding, startBreakout } from '../faults/stage.ts'
import { intruder, isCut, withCut } from './cut-stage.ts'

const timeout = 240_000

test("the functions' own changes are told to verify and set nothing off", { timeout }, async () => {
  const deployment = await startBreakout()
  try {
    await playToFinding(deployment)
    await deployment.changes()
    await deployment.respond()
    const before = deployment.sandbox.calls.length
    const told = await deployment.changes()
    assert.ok(told > 10, `${told} changes`)
    assert.equal(deployment.sandbox.calls.length, before)
  } finally {
    await deployment.close()
  }
})

test('a group that is swapped back by a role is cut again at once, and the ticket says by whom', {
  timeout,
}, async () => {
  await withCut(async ({ deployment, original, incident, told, goOn }) => {
    const [moved = ''] = Object.keys(original)
    const client = intruder(deployment)
    await client.send(
      new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: moved, Groups: [...(original[moved] ?? [])] }),
    )
    client.destroy()
    assert.deepEqual(groupsOf(deployment)[moved], original[moved])
    await goOn()
    const { quarantine, alarms = [] } = await incident()
    assert.ok(isCut({ groups: groupsOf(deployment), quarantine }), JSON.stringify(groupsOf(deployment)))
    assert.equal(alarms.length, 1)
    const line =
      /Somebody changed what the cut rests on: ModifyNetworkInterfaceAttribute by arn:aws:sts::\d+:assumed-role\//
    assert.match((await told()).join('\n'), line)
    const [ticket] = deployment.tracker.tickets()
    assert.match(ticket?.markdown ?? '', /Somebody changed what the cut rests on/)
  })
})

test('an interface that is attached after the cut is written down, then cut, and released with the others', {
  timeout,
}, async () => {
  await withCut(async ({ deployment, instance, original, incident, told, goOn }) => {
    const { cloud } = deployment.built
    const [first = ''] = Object.keys(original)
    const model = cloud.interfaces.get(first)
    assert.ok(model)
    const { instance: _at, attachment: _by, assigned: _public, ...spare } = structuredClone(model)
    cloud.interfaces.set('eni-0late', {
      ...spare,
      id: 'eni-0late',
      address: '10.20.1.250',
      ipv6: [],
      deviceIndex: 0,
      groups: [...(original[first] ?? [])],
    })
    const client = intruder(deployment)
    await client.send(
      new AttachNetworkInterfaceCommand({ NetworkInterfaceId: 'eni-0late', InstanceId: instance, DeviceIndex: 7 }),
    )
    client.destroy()
    const recorded: (readonly string[] | undefined)[] = []
    const stop = deployment.sandbox.onAnswer(async ({ action, target }) => {
      if (action !== 'ModifyNetworkInterfaceAttribute' || target !== 'eni-0late') return
      recorded.push((await incident()).restorePoint?.interfaces.find(({ id }) => id === 'eni-0late')?.groups)
    })
    await goOn()
    stop()
    const { quarantine } = await incident()
    assert.deepEqual(recorded, [original[first]])
    assert.deepEqual(cloud.interfaces.get('eni-0late')?.groups, [quarantine])
    assert.match((await told()).join('\n'), /Interface eni-0late was attached after the cut, in /)
    await deployment.operate({ verb: 'release', instance, by: 'ada' })
    await goOn()
    assert.deepEqual(cloud.interfaces.get('eni-0late')?.groups, original[first])
    assert.deepEqual(groupsOf(deployment), original)
  })
})

test('an interface that is attached while the instance is being cut is written down before it is cut as well', {
  timeout,
}, async () => {
  const deployment = await startBreakout()
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    await playToFinding(deployment)
    const { cloud } = deployment.built
    const instance = brokenOut(deployment)
    const [model] = [...cloud.interfaces.values()].filter(one => one.instance === instance)
    assert.ok(model)
    const before = [...model.groups]
    const found = async () => (await loadIncident(adapters.ledger, instance))?.incident
    const recorded: string[] = []
    const stop = deployment.sandbox.onAnswer(async ({ action, target }) => {
      // The description is answered: what is attached now stands in no restore point.
      if (action === 'DescribeInstances' && !cloud.interfaces.has('eni-0late')) {
        const { assigned: _public, ...spare } = structuredClone(model)
        const late = { ...spare, id: 'eni-0late', attachment: 'eni-attach-0late', deviceIndex: 7, ipv6: [] }
        cloud.interfaces.set('eni-0late', { ...late, address: '10.20.1.250', groups: [...before] })
      }
      if (action === 'ModifyNetworkInterfaceAttribute' && target === 'eni-0late')
        recorded.push(JSON.stringify((await found())?.steps['swap-groups']?.facts['attached']))
    })
    await deployment.respond()
    stop()
    assert.deepEqual(recorded, [JSON.stringify([`eni-0late=${before.join(',')}`])])
    assert.deepEqual(cloud.interfaces.get('eni-0late')?.groups, [(await found())?.quarantine])
    await deployment.operate({ verb: 'release', instance, by: 'ada' })
    await deployment.respond()
    assert.deepEqual(cloud.interfaces.get('eni-0late')?.groups, before)
  } finally {
    adapters.close()
    await deployment.close()
  }
})

test('an interface that is taken away after the cut holds nothing up, and the release names it', {
  timeout,
}, async () => {
  await withCut(async ({ deployment, instance, original, told, goOn }) => {
    const { cloud } = deployment.built
    const second = [...cloud.interfaces.values()].find(one => one.instance === instance && one.deviceIndex > 0)
    assert.ok(second?.attachment)
    const client = intruder(deployment)
    await client.send(new DetachNetworkInterfaceCommand({ AttachmentId: second.attachment }))
    client.destroy()
    await goOn()
    await deployment.operate({ verb: 'release', instance, by: 'ada', force: ['swap-groups'] })
    await goOn()
    assert.match((await told()).join('\n'), new RegExp(`Not possible: ${second.id} is not attached any more`))
    const [first = ''] = Object.keys(original).filter(id => id !== second.id)
    assert.deepEqual(groupsOf(deployment)[first], original[first])
  })
})

test('whoever takes a log away is on the ticket of every open incident, and what nobody can read harms nothing', {
  timeout,
}, async () => {
  await withCut(async ({ deployment, told, goOn }) => {
    const sample = new URL('../../events/aws-cloudtrail/delete-flow-logs.change.json', import.meta.url)
    const text = readFileSync(sample, 'utf8').replaceAll('111122223333', deployment.built.cloud.account)
    const event: unknown = JSON.parse(text)
    for (let deliveries = 0; deliveries < 3; deliveries++) deployment.sandbox.bus.tell(event)
    deployment.sandbox.bus.tell(JSON.parse(text.replace('"eventID"', '"eventId"')))
    await goOn()
    const alarms = (await told()).filter(line => line.startsWith('alarm: '))
    assert.equal(alarms.length, 1)
    assert.match(
      alarms[0] ?? '',
      /Somebody changed fl-01123456789abcdef: DeleteFlowLogs by arn:aws:iam::\d+:user\/mallory/,
    )
    const [ticket] = deployment.tracker.tickets()
    assert.match(ticket?.markdown ?? '', /DeleteFlowLogs by arn/)
    assert.ok((ticket?.severity ?? 0) >= 4)
  })
})

test('a rule in the quarantine group is taken out at once', { timeout }, async () => {
  await withCut(async ({ deployment, incident, told, goOn }) => {
    const { quarantine = '' } = await incident()
    const client = intruder(deployment)
    await client.send(
      new AuthorizeSecurityGroupIngressCommand({
        GroupId: quarantine,
        IpPermissions: [{ IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] }],
      }),
    )
    client.destroy()
    await goOn()
    const { ingress = [], egress = [] } = deployment.built.cloud.groups.get(quarantine) ?? {}
    assert.deepEqual([...ingress, ...egress], [])
    assert.match((await told()).join('\n'), new RegExp(`alarm: Somebody changed quarantine group ${quarantine}: Auth`))
  })
})
