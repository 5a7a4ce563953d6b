import { setTimeout as sleep } from 'node:timers/promises'
import {
  CreateSnapshotsCommand,
  DescribeSnapshotsCommand,
  type DescribeSnapshotsCommandInput,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf, isThrottle, isUnknownOutcome } from '../faults.ts'
import { factList, isFresh, restorePointOf } from './restore-point.ts'

export const SNAPSHOT = 'snapshot'
export const INCIDENT_TAG = 'firebreak:incident'
const INSTANCE_TAG = 'firebreak:instance'
const MAX_TRIES = 5

const Snapshot = z.object({
  SnapshotId: z.string(),
  VolumeId: z.string(),
  State: z.string().optional(),
  StateMessage: z.string().optional(),
})
type Snapshot = z.infer<typeof Snapshot>

/**
 * Snapshots all the instance's volumes at one moment, tagged with the incident. The call has no client token, so a try
 * whose outcome is unknown is looked up by the tag before it is made again; the SDK never repeats it by itself.
 */
export function snapshot(ec2: Ec2): Step {
  async function list(input: DescribeSnapshotsCommandInput, signal: AbortSignal): Promise<Snapshot[]> {
    const found: Snapshot[] = []
    let token: string | undefined
    do {
      const page = await ec2
        .standard()
        .send(new DescribeSnapshotsCommand({ ...input, ...(token ? { NextToken: token } : {}) }), {
          abortSignal: signal,
        })
      found.push(...z.array(Snapshot).parse(page.Snapshots ?? []))
      token = page.NextToken
    } while (token)
    return found
  }

  /** What an earlier try made, unless a volume of it failed and was not taken again. */
  async function earlier(incident: Incident, signal: AbortSignal): Promise<Snapshot[]> {
    const found = await list(
      { OwnerIds: ['self'], Filters: [{ Name: `tag:${INCIDENT_TAG}`, Values: [incident.id] }] },
      signal,
    )
    const good = found.filter(({ State }) => State !== 'error')
    const taken = new Set(good.map(({ VolumeId }) => VolumeId))
    return found.every(({ VolumeId }) => taken.has(VolumeId)) ? good : []
  }

  async function create(incident: Incident, signal: AbortSignal): Promise<Snapshot[]> {
    for (let tries = 1; ; tries++) {
      try {
        const answer = await ec2.single().send(
          new CreateSnapshotsCommand({
            InstanceSpecification: { InstanceId: incident.instance },
            Description: `Firebreak: evidence of incident ${incident.id}`,
            TagSpecifications: [
              {
                ResourceType: 'snapshot',
                Tags: [
                  { Key: INCIDENT_TAG, Value: incident.id },
                  { Key: INSTANCE_TAG, Value: incident.instance },
                ],
              },
            ],
          }),
          { abortSignal: signal },
        )
        return z.array(Snapshot).parse(answer.Snapshots ?? [])
      } catch (thrown) {
        if (signal.aborted || tries >= MAX_TRIES || !(isThrottle(thrown) || isUnknownOutcome(thrown))) throw thrown
        await sleep(100 * 2 ** tries * (0.5 + Math.random() / 2), undefined, { signal })
        const made = isThrottle(thrown) ? [] : await earlier(incident, signal)
        if (made.length > 0) return made
      }
    }
  }

  return {
    id: SNAPSHOT,
    stage: 'preserve',
    permissions: [
      { actions: ['ec2:DescribeSnapshots'], resources: ['*'] },
      { actions: ['ec2:CreateSnapshots'], resources: ['arn:aws:ec2:*:*:instance/*', 'arn:aws:ec2:*:*:volume/*'] },
      {
        actions: ['ec2:CreateSnapshots'],
        resources: ['arn:aws:ec2:*::snapshot/*'],
        conditions: { Null: { [`aws:RequestTag/${INCIDENT_TAG}`]: 'false' } },
      },
      {
        actions: ['ec2:CreateTags'],
        resources: ['arn:aws:ec2:*::snapshot/*'],
        conditions: { StringEquals: { 'ec2:CreateAction': 'CreateSnapshots' } },
      },
    ],

    async apply(work) {
      const { incident, signal } = work
      const { volumes } = restorePointOf(incident)
      if (volumes.length === 0)
        return {
          done: [],
          unable: ['The instance has no EBS volume, and instance-store disks are in no snapshot'],
          facts: {},
        }
      const found = isFresh(work) ? [] : await earlier(incident, signal)
      const made = found.length > 0 ? found : await create(incident, signal)
      const taken = new Set(made.map(({ VolumeId }) => VolumeId))
      return {
        done: made.map(({ SnapshotId, VolumeId }) => `Snapshot ${SnapshotId} of ${VolumeId}`),
        unable: volumes
          .filter(volume => !taken.has(volume.id))
          .map(volume => `${volume.id} is in no snapshot: it was detached meanwhile`),
        facts: { snapshots: made.map(({ SnapshotId }) => SnapshotId) },
      }
    },

    async verify({ incident, signal }) {
      const ids = factList(incident, SNAPSHOT, 'snapshots')
      if (ids.length === 0) return { holds: true, notes: [] }
      let found: Snapshot[]
      try {
        found = await list({ SnapshotIds: [...ids] }, signal)
      } catch (thrown) {
        if (codeOf(thrown) !== 'InvalidSnapshot.NotFound') throw thrown
        return { holds: false, notes: ['A snapshot of the evidence does not exist any more'] }
      }
      const notes = found
        .filter(({ State }) => State !== 'pending' && State !== 'completed')
        .map(one => `Snapshot ${one.SnapshotId} of ${one.VolumeId} is ${one.State}: ${one.StateMessage ?? ''}`)
      return { holds: notes.length === 0, notes }
    },

    async revert({ incident }) {
      const ids = factList(incident, SNAPSHOT, 'snapshots')
      return { done: ids.length > 0 ? [`Kept as evidence: ${ids.join(', ')}`] : [], unable: [], facts: {} }
    },
  }
}
