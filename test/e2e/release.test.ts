import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Deployment } from '../../functions/cli/drill/deployment.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import {
  brokenOut,
  groupsOf,
  lifecycleOf,
  playToFinding,
  playToProof,
  registeredIn,
  scaleBreakout,
  startBreakout,
} from '../faults/stage.ts'

const command = fileURLToPath(new URL('../../functions/cli/firebreak.mjs', import.meta.url))
const timeout = 240_000

/** All of the cloud as it stands, but for what is kept as evidence. */
function stateOf({ built }: Deployment): Omit<Cloud, 'changed' | 'snapshots' | 'buckets'> {
  const { changed: _listeners, snapshots: _disks, buckets: _files, ...state } = built.cloud
  return structuredClone(state)
}

/** Without what an autoscaling group made since, and how it and the load balancers stand. */
function knownIn(state: ReturnType<typeof stateOf>, before: ReturnType<typeof stateOf>) {
  const { autoscaling: _group, targetGroups: _targets, balancers: _classic, ...rest } = state
  const older = Object.entries(rest).map(([name, held]) => {
    const then = Object.entries(before).find(([one]) => one === name)?.[1]
    if (!(held instanceof Map) || !(then instanceof Map)) return [name, held]
    const ids: ReadonlySet<unknown> = new Set<unknown>(then.keys())
    return [name, new Map<unknown, unknown>([...held].filter(([id]) => ids.has(id)))]
  })
  return Object.fromEntries(older)
}

const hasCli = spawnSync('aws', ['--version']).status === 0

/** Runs a script as a person would who has the AWS CLI and no Firebreak. */
function shell({ environment }: Deployment, script: string): Promise<Ran> {
  // Its own settings aside: a person's files name other accounts.
  const none = { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null', AWS_PAGER: '' }
  // A CLI too old to know AWS_ENDPOINT_URL reaches nobody.
  const nowhere = { HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9', NO_PROXY: '127.0.0.1' }
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], ...environment, ...none, ...nowhere }
  return new Promise(resolve => {
    execFile('sh', ['-eu', '-c', script], { env, timeout: 180_000 }, (failure, out, err) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, err }),
    )
  })
}

/** The breakout, found, cut and proven, with the cloud as it stood before. */
async function cutBreakout(prepare: (deployment: Deployment) => void = () => {}) {
  const deployment = await startBreakout()
  prepare(deployment)
  const before = stateOf(deployment)
  await playToFinding(deployment)
  await deployment.respond()
  await playToProof(deployment)
  return { deployment, before, instance: brokenOut(deployment) }
}

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** A person at a shell that is set up for the deployment, whose lanes go on being polled meanwhile. */
async function firebreak({ environment, respond }: Deployment, ...args: string[]): Promise<Ran> {
  let ran: Ran | undefined
  const env = { PATH: process.env['PATH'], NO_COLOR: '1', ...environment }
  execFile(process.execPath, [command, ...args], { env, timeout: 120_000 }, (failure, out, err) => {
    ran = { code: failure ? Number(failure.code) : 0, out, err }
  })
  while (!ran) {
    await respond()
    await sleep(100)
  }
  return ran
}

function ticketOf({ tracker }: Deployment): string {
  const [ticket, ...more] = tracker.tickets()
  assert.ok(ticket)
  assert.deepEqual(more, [])
  return JSON.stringify(ticket)
}

test('a drill and its release through operate leave the cloud as it was, but for the evidence', {
  timeout,
}, async () => {
  const { deployment, before, instance } = await cutBreakout()
  try {
    assert.notDeepEqual(stateOf(deployment), before)
    const evidence = deployment.built.cloud.snapshots.size
    assert.ok(evidence > 0)
    await deployment.operate({ verb: 'release', instance, by: 'ada' })
    await deployment.respond()
    assert.deepEqual(stateOf(deployment), before)
    assert.equal(deployment.built.cloud.snapshots.size, evidence)
    assert.match(ticketOf(deployment), /"state":"restored"/)
    assert.ok(await deployment.credentialsWork(instance))
  } finally {
    await deployment.close()
  }
})

test('the commands on the ticket undo the cut with the AWS CLI and without Firebreak', {
  timeout,
  skip: !hasCli && 'no AWS CLI on this machine: install aws',
}, async () => {
  const { deployment, before } = await cutBreakout(scaleBreakout)
  try {
    assert.deepEqual(registeredIn(deployment), [])
    assert.equal(lifecycleOf(deployment), 'Standby')
    assert.notDeepEqual(knownIn(stateOf(deployment), before), knownIn(before, before))
    const [ticket] = deployment.tracker.tickets()
    const [, script] = /## Undo without Firebreak\n[^`]*```sh\n([^`]*)```/.exec(ticket?.markdown ?? '') ?? []
    assert.ok(script, ticket?.markdown)
    const { code, out, err } = await shell(deployment, script)
    assert.equal(code, 0, script + out + err)
    deployment.clock.advance(5 * 60_000)
    // The group registers the instance itself, once its state has passed.
    await deployment.verify()
    assert.deepEqual(registeredIn(deployment), ['metrics', 'old', 'web'])
    assert.equal(lifecycleOf(deployment), 'InService')
    assert.deepEqual(knownIn(stateOf(deployment), before), knownIn(before, before))
  } finally {
    await deployment.close()
  }
})

test('a release is refused whole where somebody changed what was cut, and forced where a person says so', {
  timeout,
}, async () => {
  const { deployment, before, instance } = await cutBreakout()
  try {
    const [moved = ''] = Object.keys(groupsOf(deployment))
    const { cloud } = deployment.built
    const [quarantine] = groupsOf(deployment)[moved] ?? []
    const other = [...cloud.groups.values()].find(({ id }) => id !== quarantine)?.id ?? ''
    Object.assign(cloud.interfaces.get(moved) ?? {}, { groups: [other, quarantine] })
    const entry = [...cloud.acls.values()].flatMap(({ entries }) => entries).find(({ cidr }) => cidr.endsWith('/32'))
    assert.ok(entry)
    const { cidr } = entry
    Object.assign(entry, { cidr: '192.0.2.0/24' })
    const drifted = stateOf(deployment)

    const refused = await firebreak(deployment, 'incidents', 'release', instance, '--yes')
    assert.equal(refused.code, 1, refused.out + refused.err)
    assert.match(refused.out, /is refused, and nothing is put back/)
    assert.ok(
      refused.out.includes(`swap-groups: ${moved} was left in ${quarantine} and is in ${other}, ${quarantine}\n`),
    )
    assert.match(refused.out, /deny-peers: .* was left denying .*\/32 and is denying 192\.0\.2\.0\/24\n/)
    assert.match(refused.out, /npx firebreak incidents release fb-\w+ --force swap-groups --force deny-peers\n/)
    assert.deepEqual(stateOf(deployment), drifted)
    assert.match(ticketOf(deployment), new RegExp(`${moved} was left in ${quarantine}`))

    const status = await firebreak(deployment, 'incidents', 'show', instance)
    assert.match(status.out, /The release that arn:aws:iam::\d{12}:user\/sandbox asked for was refused/)
    assert.ok(
      status.out.includes(`swap-groups: ${moved} was left in ${quarantine} and is in ${other}, ${quarantine}.\n`),
    )
    assert.match(status.out, /\n {2}npx firebreak incidents release fb-\w+ --force swap-groups --force deny-peers\n/)

    const half = await firebreak(
      deployment,
      'incidents',
      'release',
      instance,
      '--yes',
      '--force',
      'deny-peers',
      '--json',
    )
    assert.equal(half.code, 1, half.out + half.err)
    const { outcome, drifts, id } = JSON.parse(half.out)
    assert.equal(outcome, 'refused')
    assert.deepEqual(
      drifts.map(({ step }: { step: string }) => step),
      ['swap-groups'],
    )
    assert.deepEqual(stateOf(deployment), drifted)

    const force = ['--force', 'swap-groups', '--force', 'deny-peers']
    const released = await firebreak(deployment, 'incidents', 'release', id, '--yes', ...force)
    assert.equal(released.code, 0, released.out + released.err)
    assert.match(released.out, /swap-groups: Forced, although .* was left in/)
    // Whoever made a rule of his own out of ours keeps it.
    const left = [...cloud.acls.values()].find(({ entries }) => entries.includes(entry))
    assert.ok(left)
    left.entries = left.entries.filter(one => one !== entry)
    assert.doesNotMatch((await firebreak(deployment, 'incidents', 'show', instance)).out, /was refused/)
    assert.deepEqual(stateOf(deployment), before)
    assert.match(ticketOf(deployment), new RegExp(`Forced, although ${moved} was left`))
    assert.notEqual(cidr, entry.cidr)
  } finally {
    await deployment.close()
  }
})

test('an instance that was terminated meanwhile is released by force alone, and by no force of what is no step', {
  timeout,
}, async () => {
  const { deployment, instance } = await cutBreakout()
  try {
    for (const { args, says } of [
      {
        args: ['release', instance, '--yes', '--force', 'pray'],
        says: /Cannot force "pray": incident fb-\w+ has no such step/,
      },
      { args: ['approve', instance, '--force', 'swap-groups'], says: /unknown option '--force'/ },
      { args: ['release', 'fb-0', '--yes'], says: /Cannot ask about "fb-0": it is neither an incident/ },
      { args: ['release', instance, '--wait', 'long'], says: /It is a number from 0 to 3600/ },
    ]) {
      const { code, out, err } = await firebreak(deployment, 'incidents', ...args)
      assert.equal(code, 2, out + err)
      assert.match(err, says)
      assert.equal(out, '')
    }
    const { cloud } = deployment.built
    Object.assign(cloud.instances.get(instance) ?? {}, { state: 'terminated' })
    for (const [id, one] of cloud.interfaces) if (one.instance === instance) cloud.interfaces.delete(id)
    const refused = await firebreak(deployment, 'incidents', 'release', instance, '--yes')
    assert.equal(refused.code, 1, refused.out + refused.err)
    assert.match(refused.out, /metadata-service: .* and is terminated\n/)
    const [, line = ''] = /npx firebreak (incidents release .*)\n/.exec(refused.out) ?? []
    const released = await firebreak(deployment, ...line.split(' '), '--yes')
    assert.equal(released.code, 0, released.out + released.err)
    const peers = [...cloud.acls.values()].flatMap(({ entries }) => entries.filter(({ cidr }) => cidr.endsWith('/32')))
    assert.deepEqual(peers, [])
  } finally {
    await deployment.close()
  }
})

test('what somebody changed of standby, registrations and the policy refuses a release too, and force leaves him what is his', {
  timeout,
}, async () => {
  const { deployment, before, instance } = await cutBreakout(scaleBreakout)
  try {
    const { cloud } = deployment.built
    const [role = ''] = [...(cloud.roles?.values() ?? [])].filter(({ policies }) =>
      [...policies.keys()].some(name => name.startsWith('firebreak-')),
    )
    assert.ok(role)
    const [policy = ''] = [...role.policies.keys()].filter(name => name.startsWith('firebreak-'))
    role.policies.set(policy, '{"Version":"2012-10-17","Statement":[]}')
    cloud.autoscaling?.get('agents')?.members.delete(instance)
    const metrics = [...(cloud.targetGroups?.values() ?? [])].find(({ name }) => name === 'metrics')
    const [{ id: address = '' } = {}] = before.targetGroups?.get(metrics?.arn ?? '')?.targets ?? []
    metrics?.targets.push({ id: address, port: 8443 })
    cloud.balancers?.clear()
    const drifted = stateOf(deployment)

    const refused = await firebreak(deployment, 'incidents', 'release', instance, '--yes')
    assert.equal(refused.code, 1, refused.out + refused.err)
    for (const line of [
      `autoscaler: ${instance} was left in standby in autoscaling group agents and is in no autoscaling group`,
      `load-balancers: target group metrics was left without the instance and is with it as ${address} port 8443`,
      'load-balancers: load balancer old was left without the instance and is deleted',
      `was left denying everything to ${instance} and is another by now`,
    ])
      assert.ok(refused.out.includes(line), refused.out)
    assert.deepEqual(knownIn(stateOf(deployment), before), knownIn(drifted, before))
    assert.match(ticketOf(deployment), /is refused/)

    const [, line = ''] = /npx firebreak (incidents release .*)\n/.exec(refused.out) ?? []
    assert.deepEqual(line.match(/--force \S+/g)?.toSorted(), [
      '--force autoscaler',
      '--force load-balancers',
      '--force revoke-credentials',
    ])
    const released = await firebreak(deployment, ...line.split(' '), '--yes')
    assert.equal(released.code, 0, released.out + released.err)
    assert.deepEqual(registeredIn(deployment), ['metrics'])
    assert.deepEqual(
      metrics?.targets
        .filter(({ id }) => id === address)
        .map(({ port }) => port)
        .toSorted(),
      [8443, 9100],
    )
    assert.ok(await deployment.credentialsWork(instance))
    assert.match(ticketOf(deployment), /The instance is not in autoscaling group agents any more/)
    const after = knownIn(stateOf(deployment), before)
    assert.deepEqual(after['interfaces'], knownIn(before, before)['interfaces'])
    assert.deepEqual(after['acls'], knownIn(before, before)['acls'])
    assert.deepEqual(after['roles'], knownIn(before, before)['roles'])
  } finally {
    await deployment.close()
  }
})
