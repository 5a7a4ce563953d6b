import assert from 'node:assert/strict'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import { type Deployment, deploy } from '../../functions/cli/drill/deployment.ts'
import type { Finding } from '../../functions/core/finding.ts'
import { loadIncident, replaceIncident } from '../../functions/core/incident-store.ts'
import { recordCoverage } from '../../functions/core/log-coverage.ts'
import { nameCoverage } from '../../functions/core/name-uses.ts'
import { rowCache } from '../../functions/core/row-cache.ts'
import { awsAdapters } from '../../functions/entry/aws/adapters.ts'
import { attachQueue, drainQueue } from '../../functions/sandbox/lambda.ts'
import { findingOf, sendFindings } from '../faults/findings.ts'
import { breakout, brokenOut, playToFinding, playToProof, scaleBreakout, verified } from '../faults/stage.ts'
import { noticeOf } from '../wire/watch-envelope-events.ts'

/**
 * What test/e2e/permissions.test.ts plays. Together the scenes make every function do all that it ever may: whoever adds a
 * step or an adapter that asks the cloud for something new adds a scene here, or something to one, that makes it ask.
 */

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Every step and option that the configuration knows, on. */
const EVERYTHING = {
  escalation: { stop: true, dropAssigned: true },
  evidence: {
    ...{ lockDays: 30, shareWith: '444455556666', bucket: 'firebreak-evidence' },
    key: 'arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  },
  credentials: { roles: ['agent-role'], removeProfile: true },
  dnsCovered: true,
  buckets: { 'example-logs': { source: 'aws-vpc-flow' } },
}

/**
 * No stream of Kinesis: what its poller asks of watch's role (Lambda Developer Guide, "Using Lambda with Kinesis") is no call
 * that a server here sees.
 */
const INPUTS = {
  queues: ['arn:aws:sqs:eu-central-1:123456789012:log-objects'],
  keys: ['arn:aws:kms:eu-central-1:123456789012:key/5678abcd-12ab-34cd-56ef-1234567890ab'],
}

/** The breakout's cloud with everything configured, its servers answering at once and its inventory kept. */
async function start(escalation: Readonly<Record<string, unknown>>): Promise<Deployment> {
  const deployment = await deploy(breakout, {
    settings: { ...EVERYTHING, escalation },
    inputs: INPUTS,
    rules: { score: { alert: 70, isolate: 70 } },
    latencies: {
      ...{ ec2: 0, dynamodb: 0, sqs: 0, iam: 0, lambda: 0 },
      ...{ autoscaling: 0, elasticloadbalancing: 0, route53resolver: 0, logs: 0, s3: 0 },
    },
  })
  await verified(deployment)
  return deployment
}

/** Sends the finding that watch would send. */
async function find(deployment: Deployment, signal: Partial<Finding['signals'][number]> = {}): Promise<void> {
  const { signals, ...finding } = findingOf(deployment, brokenOut(deployment))
  await sendFindings(deployment, [{ ...finding, signals: signals.map(one => ({ ...one, ...signal })) }])
}

/** Time goes on, verify looks, and respond does what verify asks for. */
async function pass(deployment: Deployment, minutes: number): Promise<void> {
  deployment.clock.advance(minutes * MINUTE)
  await verified(deployment)
  await deployment.respond()
}

async function release(deployment: Deployment): Promise<void> {
  await deployment.operate({ verb: 'release', instance: brokenOut(deployment), by: 'ada' })
  await deployment.respond()
}

/** Watch finds it in the logs; the instance is autoscaled and load-balanced, and has two interfaces and three disks. */
async function foundInTheLogs(deployment: Deployment): Promise<void> {
  scaleBreakout(deployment)
  await playToFinding(deployment)
  await deployment.respond()
  await playToProof(deployment)
  await pass(deployment, 5)
  await release(deployment)
  await pass(deployment, 5)
}

/** An instance refresh makes standby useless, and the answer to the snapshots gets lost. */
async function refreshed(deployment: Deployment): Promise<void> {
  const { cloud } = deployment.built
  scaleBreakout(deployment, { refresh: { id: 'refresh-1', standby: 'Terminate' } })
  deployment.sandbox.fault('ec2', 'CreateSnapshots', 1, 'error-after-effect')
  await find(deployment)
  await deployment.respond()
  await pass(deployment, 5)
  const group = cloud.autoscaling?.get('agents')
  delete group?.refresh
  if (group) group.max += 1
  await release(deployment)
  await pass(deployment, 5)
}

/** The ACLs are another account's, and one interface leads out through a shared gateway: the instance stops. */
async function beyondTheAcl(deployment: Deployment): Promise<void> {
  const { cloud } = deployment.built
  for (const acl of cloud.acls.values()) acl.owner = '999988887777'
  await find(deployment)
  await deployment.respond()
  await pass(deployment, 5)
  await release(deployment)
}

/** The ACLs are another account's, and each interface has an address of its own: one elastic, one that EC2 assigned. */
async function byItsAddresses(deployment: Deployment): Promise<void> {
  const { cloud } = deployment.built
  for (const acl of cloud.acls.values()) acl.owner = '999988887777'
  const second = [...cloud.interfaces.values()].find(one => one.instance === brokenOut(deployment) && one.deviceIndex)
  if (second) second.assigned = '192.0.2.200'
  await find(deployment)
  await deployment.respond()
  await pass(deployment, 5)
  await release(deployment)
}

/** The subnets are cut off whole, since the instance stands alone in them. */
async function cutOffWhole(deployment: Deployment): Promise<void> {
  await find(deployment)
  await deployment.respond()
  await pass(deployment, 5)
  await release(deployment)
}

/** The ACLs are another account's, and addresses that EC2 assigned stay: what is tracked is led through an open group. */
async function ledThrough(deployment: Deployment): Promise<void> {
  const { cloud } = deployment.built
  for (const acl of cloud.acls.values()) acl.owner = '999988887777'
  const held = [...cloud.interfaces.values()].filter(one => one.instance === brokenOut(deployment))
  for (const [index, one] of held.entries()) one.assigned = `192.0.2.${200 + index}`
  cloud.addresses.clear()
  await find(deployment)
  await deployment.respond()
  await pass(deployment, 5)
  await stoppedOnce(deployment)
  await release(deployment)
}

/** The instance as it were, had a stop been configured when it was cut. */
async function stoppedOnce(deployment: Deployment): Promise<void> {
  const { built, clock, environment } = deployment
  const adapters = awsAdapters('operate', environment, clock)
  const instance = brokenOut(deployment)
  try {
    const held = await loadIncident(adapters.ledger, instance)
    const record = held?.incident.steps['stop']
    if (!held || !record) return
    const stop = { ...record, facts: { ...record.facts, stopped: true } }
    await replaceIncident(adapters.ledger, held, {
      ...held.incident,
      steps: { ...held.incident.steps, stop },
    })
    Object.assign(built.cloud.instances.get(instance) ?? {}, { state: 'stopped' })
  } finally {
    adapters.close()
  }
}

/** What stands in another's way is configured for one scene alone. */
const ESCALATIONS = new Map<(deployment: Deployment) => Promise<void>, Readonly<Record<string, unknown>>>([
  [cutOffWhole, { ...EVERYTHING.escalation, isolateSubnet: true }],
  [ledThrough, { transitSeconds: 1 }],
])

/** A name is denied, for which a day of the network's queries has to be known; an answer gets lost on the way. */
async function byName(deployment: Deployment): Promise<void> {
  const { built, clock, environmentOf } = deployment
  const instance = brokenOut(deployment)
  const { vpc = '' } = [...built.cloud.interfaces.values()].find(one => one.instance === instance) ?? {}
  const adapters = awsAdapters('watch', environmentOf('watch'), clock)
  try {
    const now = clock.now()
    await recordCoverage(rowCache(adapters.ledger, 8, undefined), [nameCoverage(vpc, now - 25 * HOUR, now)])
  } finally {
    adapters.close()
  }
  deployment.sandbox.fault('route53resolver', 'CreateFirewallDomainList', 5, 'error-after-effect')
  await find(deployment, { rule: 'dns-tunnel', family: 'shape', points: 80, name: 't.example.com' })
  await deployment.respond()
  await pass(deployment, 5)
  await release(deployment)
}

/** Somebody undoes the cut, opens the quarantine group and lifts a lock to delete a file of the evidence. */
async function undone(deployment: Deployment): Promise<void> {
  const { cloud } = deployment.built
  await find(deployment)
  await deployment.respond()
  const held = [...cloud.interfaces.values()].filter(one => one.instance === brokenOut(deployment))
  const [quarantine = ''] = held[0]?.groups ?? []
  cloud.groups.get(quarantine)?.ingress.push({ protocol: 'tcp', from: 22, to: 22, cidr: '0.0.0.0/0' })
  const other = [...cloud.groups.values()].find(({ id, vpc }) => id !== quarantine && vpc === held[0]?.vpc)
  if (held[0] && other) held[0].groups = [other.id]
  const files = cloud.buckets?.get('firebreak-evidence')?.objects
  files?.delete(files.keys().next().value ?? '')
  await pass(deployment, 5)
}

/** The bucket keeps no versions, and somebody deletes a file of the evidence. */
async function unlocked(deployment: Deployment): Promise<void> {
  const { objects } = deployment.sandbox.createBucket('firebreak-evidence')
  await find(deployment)
  await deployment.respond()
  await pass(deployment, 5)
  const [file = ''] = objects.keys()
  objects.delete(file)
  await pass(deployment, 5)
}

/** Nothing can be read of what comes, respond must try a release twice, and a person uses every verb. */
async function asked(deployment: Deployment): Promise<void> {
  const { sandbox, lane, environment } = deployment
  await deployment.watch({ nobody: 'knows this' })
  const sqs = new SQSClient({ ...connectionTo(environment) })
  const MessageBody = 'no order'
  const to = { QueueUrl: lane.queueUrl, MessageGroupId: 'nobody', MessageDeduplicationId: 'none' }
  await sqs.send(new SendMessageCommand({ ...to, MessageBody }))
  sqs.destroy()
  await deployment.operate({ verb: 'halt', by: 'ada', reason: 'a change of network' })
  await find(deployment)
  await deployment.respond()
  await deployment.operate({ verb: 'resume', by: 'ada', reason: 'it is over' })
  await deployment.operate({ verb: 'approve', instance: brokenOut(deployment), by: 'ada' })
  await deployment.respond()
  await deployment.operate({ verb: 'list', all: true })
  await deployment.operate({ verb: 'show', id: brokenOut(deployment) })
  const drill = deployment.operate({ verb: 'drill', instance: brokenOut(deployment), by: 'ada' })
  await assert.rejects(drill, /is open and no drill/)
  sandbox.fault('ec2', 'DeleteNetworkAclEntry', 1, 'denied')
  await release(deployment)
}

/** A log file lies encrypted in a bucket, and a queue tells of it. */
async function inObjects(deployment: Deployment): Promise<void> {
  const { sandbox, lane, environment, environmentOf, clock, built } = deployment
  const queue = await sandbox.createQueue({ QueueName: 'log-objects', Attributes: { VisibilityTimeout: '60' } })
  const accessKey = environmentOf('watch').AWS_ACCESS_KEY_ID
  const source = { ...lane, queueUrl: queue.url, queueArn: queue.arn, accessKey }
  await attachQueue(source, 60_000)
  const bucket = 'example-logs'
  const key = `AWSLogs/${built.cloud.account}/vpcflowlogs/eu-central-1/2026/03/02/one.log`
  const [sealedWith = ''] = INPUTS.keys
  const stored = {
    bytes: Buffer.from('version account-id\n'),
    type: 'text/plain',
    storedAt: clock.now(),
    key: sealedWith,
  }
  sandbox.createBucket(bucket).objects.set(key, [stored])
  const sqs = new SQSClient({ ...connectionTo(environment) })
  const MessageBody = JSON.stringify(noticeOf({ bucket, key }))
  await sqs.send(new SendMessageCommand({ QueueUrl: queue.url, MessageBody }))
  sqs.destroy()
  await drainQueue(source, deployment.watch)
}

function connectionTo(environment: Deployment['environment']) {
  return {
    endpoint: environment.AWS_ENDPOINT_URL,
    region: environment.AWS_REGION,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID,
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY,
    },
  }
}

export const scenes = {
  foundInTheLogs,
  refreshed,
  beyondTheAcl,
  byItsAddresses,
  cutOffWhole,
  ledThrough,
  byName,
  undone,
  unlocked,
  asked,
  inObjects,
}

/** Plays one, with the cloud and Firebreak as they stand at its beginning. */
export async function played(
  scene: (deployment: Deployment) => Promise<void>,
): Promise<Pick<Deployment['sandbox'], 'calls' | 'uses'>> {
  const deployment = await start(ESCALATIONS.get(scene) ?? EVERYTHING.escalation)
  try {
    await scene(deployment)
    return deployment.sandbox
  } finally {
    await deployment.close()
  }
}
