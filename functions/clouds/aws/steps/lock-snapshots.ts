import { DescribeLockedSnapshotsCommand, LockSnapshotCommand } from '@aws-sdk/client-ec2'
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

const id = 'lock-snapshots'

/** A drill's disks are locked too, so that all of it is exercised, but nobody pays for them longer than this. */
const DRILL_DAYS = 1

export interface LockSettings {
  /** How long nobody can delete the snapshots without lifting the lock first; 0: they are not locked. */
  readonly lockDays: number
}

const Locked = z.object({ SnapshotId: z.string(), LockState: z.string().optional() })

/**
 * Locks the snapshots, so that whoever holds the right to delete them cannot do it in passing. In governance mode: a person
 * with the right to unlock can, while a compliance lock that was set by mistake stands for its whole time.
 */
export function lockSnapshots(ec2: Ec2, { lockDays }: LockSettings): Step {
  const toLock = (incident: Incident) => (lockDays > 0 ? factList(incident, SNAPSHOT, 'snapshots') : [])

  /** A lock whose time is over stands in the answer too, as `expired`. */
  async function locked(ids: readonly string[], signal: AbortSignal): Promise<ReadonlySet<string>> {
    const { Snapshots = [] } = await ec2
      .adaptive()
      .send(new DescribeLockedSnapshotsCommand({ SnapshotIds: [...ids] }), { abortSignal: signal })
    const all = z.array(Locked).parse(Snapshots)
    return new Set(all.filter(({ LockState }) => LockState !== 'expired').map(({ SnapshotId }) => SnapshotId))
  }

  return {
    id,
    stage: 'collect',
    permissions:
      lockDays > 0
        ? [
            { actions: ['ec2:DescribeLockedSnapshots'], resources: ['*'] },
            {
              // They bear the tag from the moment on in which they are made.
              actions: ['ec2:LockSnapshot'],
              resources: ['arn:aws:ec2:*::snapshot/*'],
              conditions: { Null: { [`aws:ResourceTag/${INCIDENT_TAG}`]: 'false' } },
            },
          ]
        : [],

    covers: incident => coverText(toLock(incident)),

    async apply({ incident, signal }) {
      const ids = toLock(incident)
      if (ids.length === 0) return { done: [], unable: [], facts: {} }
      // Locking again would begin the time anew, and would weaken a lock that somebody made stronger since.
      const standing = await locked(ids, signal)
      const days = incident.drill ? DRILL_DAYS : lockDays
      const { results, failure } = await tryEach(
        'lock',
        ids.filter(one => !standing.has(one)),
        one => one,
        async one => {
          await ec2
            .adaptive()
            .send(new LockSnapshotCommand({ SnapshotId: one, LockMode: 'governance', LockDuration: days }), {
              abortSignal: signal,
            })
          return one
        },
      )
      const done = results.map(one => `Locked ${one} for ${days} days, in governance mode`)
      const facts = { locked: [...new Set([...standing, ...results])] }
      if (failure) throw new PartialFailure(failure.message, { done, facts })
      return { done, unable: [], facts }
    },

    async verify({ incident, signal }) {
      const ids = factList(incident, id, 'locked')
      if (ids.length === 0) return { holds: true, notes: [] }
      let standing: ReadonlySet<string>
      try {
        standing = await locked(ids, signal)
      } catch (thrown) {
        if (codeOf(thrown) !== 'InvalidSnapshot.NotFound') throw thrown
        return { holds: false, notes: ['A locked snapshot does not exist any more'] }
      }
      const notes = ids.filter(one => !standing.has(one)).map(one => `${one} is not locked any more`)
      return { holds: notes.length === 0, notes }
    },

    async revert({ incident }) {
      const ids = factList(incident, id, 'locked')
      return { done: ids.length > 0 ? [`Kept locked as evidence: ${ids.join(', ')}`] : [], unable: [], facts: {} }
    },
  }
}
