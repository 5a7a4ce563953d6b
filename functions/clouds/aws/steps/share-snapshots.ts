import {
  DescribeSnapshotAttributeCommand,
  DescribeSnapshotsCommand,
  ModifySnapshotAttributeCommand,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import { PartialFailure } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf } from '../faults.ts'
import { coverText } from './cover.ts'
import { tryEach } from './each.ts'
import { factList } from './restore-point.ts'
import { INCIDENT_TAG, SNAPSHOT } from './snapshot.ts'

const id = 'share-snapshots'

export interface ShareSettings {
  /** The account of those who examine disks; absent: nobody but this account has them. */
  readonly shareWith?: string | undefined
}

const Sealed = z.object({ SnapshotId: z.string(), KmsKeyId: z.string().optional() })

/** Shares the snapshots with the forensic account, so that the disks can be examined where the intruder has never been. */
export function shareSnapshots(ec2: Ec2, { shareWith }: ShareSettings): Step {
  const toShare = (incident: Incident) =>
    shareWith === undefined ? [] : factList(incident, SNAPSHOT, 'snapshots').map(one => ({ snapshot: one, shareWith }))

  async function keysOf(ids: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { Snapshots = [] } = await ec2
      .adaptive()
      .send(new DescribeSnapshotsCommand({ SnapshotIds: [...ids] }), { abortSignal: signal })
    const sealed = z.array(Sealed).parse(Snapshots)
    return new Map(sealed.flatMap(({ SnapshotId, KmsKeyId }) => (KmsKeyId ? [[SnapshotId, KmsKeyId]] : [])))
  }

  /** False where EC2 never shares it. */
  async function share(snapshot: string, account: string, signal: AbortSignal): Promise<boolean> {
    try {
      await ec2.adaptive().send(
        new ModifySnapshotAttributeCommand({
          SnapshotId: snapshot,
          Attribute: 'createVolumePermission',
          OperationType: 'add',
          UserIds: [account],
        }),
        { abortSignal: signal },
      )
      return true
    } catch (thrown) {
      // "Encrypted snapshots with EBS default key cannot be shared": the key's policy admits one account and cannot be edited.
      if (codeOf(thrown) !== 'OperationNotPermitted') throw thrown
      return false
    }
  }

  return {
    id,
    stage: 'collect',
    permissions:
      shareWith === undefined
        ? []
        : [
            { actions: ['ec2:DescribeSnapshots'], resources: ['*'] },
            {
              // With this account alone: the same call could hand the disks to anybody.
              actions: ['ec2:ModifySnapshotAttribute'],
              resources: ['arn:aws:ec2:*::snapshot/*'],
              conditions: {
                Null: { [`aws:ResourceTag/${INCIDENT_TAG}`]: 'false' },
                StringEquals: { 'ec2:Add/userId': shareWith },
              },
            },
          ],
    verifyPermissions:
      shareWith === undefined ? [] : [{ actions: ['ec2:DescribeSnapshotAttribute'], resources: ['*'] }],

    covers: incident =>
      coverText(toShare(incident).map(({ snapshot, shareWith: account }) => `${snapshot} ${account}`)),

    async apply({ incident, signal }) {
      const pairs = toShare(incident)
      if (pairs.length === 0) return { done: [], unable: [], facts: {} }
      const keys = await keysOf(
        pairs.map(({ snapshot }) => snapshot),
        signal,
      )
      const { results, failure } = await tryEach(
        'share',
        pairs,
        ({ snapshot }) => snapshot,
        async ({ snapshot, shareWith: account }) => ({
          snapshot,
          account,
          key: keys.get(snapshot),
          shared: await share(snapshot, account, signal),
        }),
      )
      const shared = results.filter(one => one.shared)
      const done = shared.map(({ snapshot, account }) => `Shared ${snapshot} with account ${account}`)
      const facts = { shared: shared.map(({ snapshot }) => snapshot) }
      if (failure) throw new PartialFailure(failure.message, { done, facts })
      const refused = results.filter(one => !one.shared)
      return {
        done,
        unable: [
          ...refused.map(
            ({ snapshot, account }) =>
              `${snapshot} cannot be shared with account ${account}: it is encrypted with the account's default key ` +
              '(aws/ebs), which no other account can be let use. Copy it with a key of your own and share the copy',
          ),
          ...shared.flatMap(({ snapshot, account, key }) =>
            key === undefined
              ? []
              : [`${snapshot} is of use to account ${account} only where the policy of key ${key} lets it use the key`],
          ),
        ],
        facts,
      }
    },

    async verify({ incident, signal }) {
      const notes = await Promise.all(
        factList(incident, id, 'shared').map(async one => {
          try {
            const { CreateVolumePermissions = [] } = await ec2
              .adaptive()
              .send(new DescribeSnapshotAttributeCommand({ SnapshotId: one, Attribute: 'createVolumePermission' }), {
                abortSignal: signal,
              })
            return CreateVolumePermissions.some(({ UserId }) => UserId === shareWith)
              ? []
              : [`${one} is not shared with account ${shareWith} any more`]
          } catch (thrown) {
            if (codeOf(thrown) !== 'InvalidSnapshot.NotFound') throw thrown
            return [`${one} does not exist any more`]
          }
        }),
      )
      return { holds: notes.flat().length === 0, notes: notes.flat() }
    },

    async revert({ incident }) {
      const ids = factList(incident, id, 'shared')
      return { done: ids.length > 0 ? [`Kept shared as evidence: ${ids.join(', ')}`] : [], unable: [], facts: {} }
    },
  }
}
