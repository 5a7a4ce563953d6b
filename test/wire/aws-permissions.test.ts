import assert from 'node:assert/strict'
import { test } from 'node:test'
import { awsPermissions } from '../../functions/clouds/aws/permissions.ts'
import { quarantinePreparer } from '../../functions/clouds/aws/quarantine.ts'
import { awsSteps } from '../../functions/clouds/aws/registry.ts'
import { stepClients } from '../../functions/clouds/aws/step-clients.ts'
import { ISOLATE_SUBNET } from '../../functions/clouds/aws/steps/isolate-subnet.ts'
import { SNAPSHOT } from '../../functions/clouds/aws/steps/snapshot.ts'
import type { Incident } from '../../functions/core/incident.ts'
import { memoryLedger } from '../../functions/core/memory-ledger.ts'
import type { Step } from '../../functions/core/ports.ts'
import { addAutoScalingGroup } from '../../functions/sandbox/fixture.ts'
import type { Seen } from './aws-servers.ts'
import { afterStep, allow, incidentOf, refuse, setStage, signal } from './ec2-stage.ts'

/** Every step that acts on EC2 has something to do. */
const EVERYTHING = {
  stopWhenNeeded: true,
  dropAssigned: true,
  isolateSubnet: true,
  lockDays: 30,
  shareWith: '444455556666',
  dnsCovered: false,
  credentials: { roles: [], removeProfile: false },
}

test('each step asks for what it declares, no more and no less', async () => {
  await using stage = await setStage(undefined, cloud => {
    const second = cloud.interfaces.get('eni-2')
    if (second) second.assigned = '198.51.100.8'
    addAutoScalingGroup(cloud, 'agents', ['i-1'])
    const arn = 'arn:aws:elasticloadbalancing:us-east-1:111122223333:targetgroup/web/73e2d6bc24d8a067'
    const targets = [{ id: 'i-1', port: 80 }]
    cloud.targetGroups = new Map([[arn, { arn, name: 'web', type: 'instance', vpc: 'vpc-1', port: 80, targets }]])
    cloud.balancers = new Map([['old', { name: 'old', vpc: 'vpc-1', instances: ['i-1'] }]])
  })
  const { ec2, scaling, balancing } = stage
  const quarantine = await quarantinePreparer(stage.ec2)('vpc-1', undefined, signal())
  const denials = [allow('acl-1', '203.0.113.9'), refuse('acl-2', '203.0.113.77'), refuse('acl-1', '10.0.1.40')]
  let incident: Incident = incidentOf(await stage.described(), { quarantine, denials })
  for (const step of awsSteps(
    { ...stepClients({}, { ledger: memoryLedger(Date), clock: Date }), ec2, scaling, balancing },
    EVERYTHING,
  )) {
    const before = stage.road.seen.length
    const after = afterStep(incident, step, await step.apply({ incident, attempt: 1, signal: signal() }))
    await step.apply({ incident: after, attempt: 2, signal: signal() })
    await step.verify({ incident: after, attempt: 1, signal: signal() })
    const instance = stage.cloud.instances.get('i-1')
    if (instance?.state === 'stopping') instance.state = 'stopped'
    await step.drifted?.({ incident: after, attempt: 1, signal: signal() })
    if (step.id === 'autoscaler') await leaveAndReturn(stage, step, after)
    await step.revert({ incident: after, attempt: 1, signal: signal() })
    const permissions = [...step.permissions, ...(step.verifyPermissions ?? [])]
    const declared = new Set(permissions.flatMap(({ actions }) => actions))
    const asked = new Set(stage.road.seen.slice(before).map(actionOf))
    assert.deepEqual(
      [...asked].filter(action => !declared.has(action)),
      [],
      step.id,
    )
    // Tagging is part of the call that creates; no request shows it.
    const unused = [...declared].filter(action => !asked.has(action) && action !== 'ec2:CreateTags')
    assert.deepEqual(unused, [], `${step.id} declares what it does not use`)
    // Later steps act on the snapshots, and on what is not cut off.
    incident = { ...incident, steps: [SNAPSHOT, ISOLATE_SUBNET].includes(step.id) ? after.steps : incident.steps }
  }
})

/** Where standby does not keep the group off, the instance leaves it; afterwards it waits in standby again. */
async function leaveAndReturn(
  { cloud }: Awaited<ReturnType<typeof setStage>>,
  step: Step,
  standing: Incident,
): Promise<void> {
  const group = cloud.autoscaling?.get('agents')
  assert.ok(group)
  const inService = { lifecycle: 'InService', protectedFromScaleIn: false } as const
  group.members.clear()
  group.members.set('i-1', { ...inService })
  group.refresh = { id: 'refresh-1', standby: 'Terminate' }
  const outcome = await step.apply({ incident: standing, attempt: 1, signal: signal() })
  group.members.delete('i-1')
  delete group.refresh
  await step.revert({ incident: afterStep(standing, step, outcome), attempt: 1, signal: signal() })
  group.members.set('i-1', { ...inService, lifecycle: 'Standby' })
  group.desired = 0
}

/** The Query protocol names a service by the version of its API alone. */
const SERVICES: Readonly<Record<string, string>> = {
  '2016-11-15': 'ec2',
  '2011-01-01': 'autoscaling',
  '2012-06-01': 'elasticloadbalancing',
  '2015-12-01': 'elasticloadbalancing',
}

function actionOf({ operation, body }: Seen): string {
  return `${SERVICES[new URLSearchParams(body).get('Version') ?? '']}:${operation}`
}

test('what verify reads and prepares is in its permissions', async () => {
  await using stage = await setStage()
  const prepare = quarantinePreparer(stage.ec2)
  const group = await prepare('vpc-1', undefined, signal())
  stage.cloud.groups.get(group)?.ingress.push({ protocol: 'tcp', from: 22, to: 22, cidr: '0.0.0.0/0' })
  await prepare('vpc-1', group, signal())
  const actions = new Set(awsPermissions().verify.flatMap(permission => permission.actions))
  assert.deepEqual(
    stage.road.seen.filter(({ operation }) => !actions.has(`ec2:${operation}`)),
    [],
  )
})
