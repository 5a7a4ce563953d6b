import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { FaultKind } from '../../functions/sandbox/faults.ts'
import { assertContained, groupsOf, playToFinding, playToProof, startBreakout } from './stage.ts'

const CUT = [
  'DescribeInstances',
  'DescribeNetworkInterfaces',
  'DescribeInstanceAttribute',
  'DescribeNetworkAcls',
  'ModifyNetworkInterfaceAttribute',
  'CreateNetworkAclEntry',
  'CreateSnapshots',
  'ModifyInstanceAttribute',
]

/** `actions` fail each `times` often, then the message is handled until the lane is empty. */
async function playWithFaults(actions: readonly string[], times: number, kind: FaultKind): Promise<number> {
  const deployment = await startBreakout()
  try {
    const original = groupsOf(deployment)
    await playToFinding(deployment)
    const before = deployment.sandbox.calls.length
    for (const action of actions) deployment.sandbox.fault('ec2', action, times, kind)
    const { failed } = await deployment.respond()
    const met = deployment.sandbox.calls.slice(before).filter(one => one.service === 'ec2' && one.outcome !== 'ok')
    const spared = actions.filter(action => !met.some(one => one.action === action))
    assert.deepEqual(kind === 'drop-after-effect' || kind === 'drop' || kind === 'throttle' ? spared : [], [])
    await playToProof(deployment)
    await assertContained(deployment, original, `${times} × ${kind}`)
    return failed
  } finally {
    await deployment.close()
  }
}

describe('a cut whose cloud calls fail', () => {
  for (const kind of ['throttle', 'drop', 'drop-after-effect', 'error-after-effect'] as const)
    it(`ends in the same proven cut when each action meets ${kind} twice`, async () => {
      await playWithFaults(CUT, 2, kind)
    })

  it('is taken up again by its continuation when a step has used up its tries', async () => {
    await playWithFaults(['ModifyNetworkInterfaceAttribute', 'CreateNetworkAclEntry'], 12, 'throttle')
  })
})
