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
/** Sets in which a volume's snapshot failed; a further one would fail as well, and each takes all the volumes again. */
const MAX_FAILED = 3

const FAILS = `its snapshot failed ${MAX_FAILED} times`

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

  /** What earlier tries made, unless a volume failed and is to be taken again; and volumes that fail each time. */
  async function earlier(incident: Incident, signal: AbortSignal): Promise<{ made: Snapshot[]; lost: string[] }> {
    const found = await list(
      { OwnerIds: ['self'], Filters: [{ Name: `tag:${INCIDENT_TAG}`, Values: [incident.id] }] },
      signal,
    )
    const made = found.filter(({ State }) => State !== 'error')
    const taken = new Set(made.map(({ VolumeId }) => VolumeId))
    const failed = found.filter(({ VolumeId }) => !taken.has(VolumeId))
    const volumes = [...Map.groupBy(failed, ({ VolumeId }) => VolumeId)]
    const isGivenUp = volumes.every(([, sets]) => sets.length >= MAX_FAILED)
    return isGivenUp ? { made, lost: volumes.map(([volume]) => volume) } : { made: [], lost: [] }
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
        const { made } = isThrottle(thrown) ? { made: [] } : await earlier(incident, signal)
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
      const found = isFresh(work) ? { made: [], lost: [] } : await earlier(incident, signal)
      const { lost } = found
      const made = found.made.length + lost.length > 0 ? found.made : await create(incident, signal)
      const taken = new Set(made.map(({ VolumeId }) => VolumeId))
      return {
        done: made.map(({ SnapshotId, VolumeId }) => `Snapshot ${SnapshotId} of ${VolumeId}`),
        unable: volumes
          .filter(volume => !taken.has(volume.id))
          .map(({ id }) => `${id} is in no snapshot: ${lost.includes(id) ? FAILS : 'it was detached meanwhile'}`),
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

    async settled({ incident, signal }) {
      const ids = factList(incident, SNAPSHOT, 'snapshots')
      if (ids.length === 0) return undefined
      const found = await list({ SnapshotIds: [...ids] }, signal)
      if (found.length < ids.length || found.some(({ State }) => State === 'pending')) return undefined
      const failed = found.filter(({ State }) => State !== 'completed')
      if (failed.length === 0)
        return `Evidence ready: ${found.map(({ SnapshotId, VolumeId }) => `${SnapshotId} of ${VolumeId}`).join(', ')}`
      const names = failed.map(one => `${one.SnapshotId} of ${one.VolumeId} is ${one.State}: ${one.StateMessage ?? ''}`)
      return `Evidence is not complete: ${names.join(', ')}`
    },

    async revert({ incident }) {
      const ids = factList(incident, SNAPSHOT, 'snapshots')
      return { done: ids.length > 0 ? [`Kept as evidence: ${ids.join(', ')}`] : [], unable: [], facts: {} }
    },
  }
}
