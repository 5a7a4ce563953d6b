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
async function playWithFaults(actions: readonly string[], times: number, kind: FaultKind): Promise<void> {
  const deployment = await startBreakout()
  try {
    const original = groupsOf(deployment)
    await playToFinding(deployment)
    const before = deployment.sandbox.calls.length
    for (const action of actions) deployment.sandbox.fault('ec2', action, times, kind)
    await deployment.respond()
    const met = deployment.sandbox.calls.slice(before).filter(one => one.service === 'ec2' && one.outcome !== 'ok')
    for (const action of actions)
      assert.ok(
        met.some(one => one.action === action),
        `${action} met no fault`,
      )
    await playToProof(deployment)
    // Where an answer got lost the next number is claimed while the last one is looked up, so that no round trip stands
    // before the cut: that leaves an entry to spare, on the lease like the first.
    const mostEntries = kind.endsWith('after-effect') ? 2 : 1
    await assertContained(deployment, original, `${times} × ${kind}`, mostEntries)
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
