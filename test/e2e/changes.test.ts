import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  AttachNetworkInterfaceCommand,
  AuthorizeSecurityGroupIngressCommand,
  EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { loadIncident } from '../../functions/core/incident-store.ts'
import { readJournal } from '../../functions/core/journal.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { giveCredentials } from '../../functions/sandbox/iam/sessions.ts'
import { brokenOut, groupsOf, playToFinding, startBreakout } from '../faults/stage.ts'

const timeout = 240_000

interface Cut {
  readonly deployment: Deployment
  readonly instance: string
  readonly original: ReturnType<typeof groupsOf>
  incident(): Promise<Incident>
  /** All lines of its journal. */
  told(): Promise<string[]>
  /** What happens until nobody has anything to do any more; the schedule is never among it. */
  goOn(): Promise<void>
}

/** The breakout, found and cut. */
async function withCut(what: (cut: Cut) => Promise<void>): Promise<void> {
  const deployment = await startBreakout()
  const adapters = awsAdapters('operate', deployment.environment, deployment.clock)
  const instance = brokenOut(deployment)
  const original = groupsOf(deployment)
  const incident = async () => {
    const held = await loadIncident(adapters.ledger, instance)
    assert.ok(held)
    return held.incident
  }
  const told = async () =>
    (await readJournal(adapters.ledger, (await incident()).id)).flatMap(({ lines }) =>
      lines.map(({ kind, text }) => `${kind}: ${text}`),
    )
  async function goOn(): Promise<void> {
    for (let rounds = 0; rounds < 20; rounds++) {
      const { handled } = await deployment.respond()
      if (handled + (await deployment.changes()) === 0) return
    }
    assert.fail('it goes round for ever')
  }
  try {
    await playToFinding(deployment)
    await goOn()
    await what({ deployment, instance, original, incident, told, goOn })
  } finally {
    adapters.close()
    await deployment.close()
  }
}

/** EC2 as somebody reaches it with credentials that another instance of the fleet was given, whose role may do too much. */
function intruder({ built, environment }: Deployment): EC2Client {
  const other = built.members.find(({ name }) => name === 'agent')?.instance ?? ''
  const role = built.cloud.roles?.get(built.cloud.instances.get(other)?.role ?? '')
  const statement = { Effect: 'Allow', Action: 'ec2:*', Resource: '*' }
  role?.policies.set('too-much', JSON.stringify({ Version: '2012-10-17', Statement: [statement] }))
  const credentials = giveCredentials(built.cloud, other)
  assert.ok(credentials)
  return new EC2Client({ endpoint: environment.AWS_ENDPOINT_URL, region: environment.AWS_REGION, credentials })
}

const isCut = ({ groups, quarantine }: { groups: Record<string, readonly string[]>; quarantine: string | undefined }) =>
  Object.values(groups).every(held => held.length === 1 && held[0] === quarantine)

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

test('the ticket says that the evidence is ready as soon as the snapshots are, once', { timeout }, async () => {
  await withCut(async ({ deployment, told, goOn }) => {
    const ready = async () => (await told()).filter(line => line.startsWith('verified: Evidence ready: ')).length
    assert.equal(await ready(), 0)
    deployment.clock.advance(120_000)
    await goOn()
    assert.equal(await ready(), 1)
    const [ticket] = deployment.tracker.tickets()
    assert.match(ticket?.markdown ?? '', /Evidence ready: snap-\w+ of vol-\w+, snap-\w+ of vol-\w+, snap-/)
    await deployment.verify()
    await goOn()
    assert.equal(await ready(), 1)
  })
})

test('a snapshot that fails is named, and the disks are taken again, but not for ever', { timeout }, async () => {
  await withCut(async ({ deployment, incident, told, goOn }) => {
    const { cloud } = deployment.built
    const volume = [...cloud.snapshots.values()][0]?.volume
    for (let round = 0; round < 5; round++) {
      for (const one of cloud.snapshots.values())
        if (one.volume === volume && one.state === 'pending') one.state = 'error'
      deployment.clock.advance(120_000)
      await goOn()
    }
    const failed = [...cloud.snapshots.values()].filter(({ state }) => state === 'error')
    assert.equal(failed.length, 3)
    const lines = (await told()).join('\n')
    assert.match(lines, new RegExp(`reopened: Does not hold any more: Snapshot ${failed[0]?.id} of ${volume} is error`))
    const { steps } = await incident()
    assert.match(
      steps['snapshot']?.unable.join() ?? '',
      new RegExp(`${volume} is in no snapshot: its snapshot failed 3`),
    )
  })
})
