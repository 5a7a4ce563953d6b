import { announce, type Cloud, type Snapshot } from '../cloud.ts'
import { paged } from './filters.ts'
import { find, named, RETURN_TRUE, SNAPSHOT } from './lookup.ts'
import { invalid, type Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** Locks and shares of snapshots. */

const DAY = 86_400_000

export function lockSnapshot(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const snapshot = find(cloud.snapshots, parameters.required('SnapshotId'), SNAPSHOT)
  const mode = parameters.required('LockMode')
  if (mode !== 'governance') throw new Refusal('InvalidParameterValue', `The sandbox knows no lock mode ${mode}`)
  if (parameters.text('CoolOffPeriod') !== undefined)
    throw new Refusal('InvalidParameterCombination', 'CoolOffPeriod can be specified in compliance mode only')
  const days = parameters.whole('LockDuration')
  // LockSnapshot, LockDuration: 1 to 36,500 days.
  if (days === undefined || days < 1 || days > 36_500) throw invalid('LockDuration', String(days))
  parameters.permitted()
  snapshot.lock = { days, at: now }
  announce(cloud, 'LockSnapshot', snapshot.id)
  return lockTree(snapshot, now)
}

/** Those that were ever locked. */
export function describeLockedSnapshots(cloud: Cloud, parameters: Parameters, now: number): Tree {
  const locked = named(cloud.snapshots, parameters.list('SnapshotId'), SNAPSHOT).filter(({ lock }) => lock)
  const { items, nextToken } = paged(locked, parameters)
  return { snapshotSet: items.map(one => ({ ownerId: cloud.account, ...lockTree(one, now) })), nextToken }
}

function lockTree({ id, lock }: Snapshot, now: number): { [name: string]: Tree } {
  if (!lock) return { snapshotId: id }
  const expires = lock.at + lock.days * DAY
  return {
    snapshotId: id,
    lockState: now < expires ? 'governance' : 'expired',
    lockDuration: lock.days,
    lockCreatedOn: new Date(lock.at),
    lockDurationStartTime: new Date(lock.at),
    lockExpiresOn: new Date(expires),
  }
}

export function modifySnapshotAttribute(cloud: Cloud, parameters: Parameters): Tree {
  const snapshot = find(cloud.snapshots, parameters.required('SnapshotId'), SNAPSHOT)
  if (parameters.text('Attribute') !== 'createVolumePermission')
    throw new Refusal('InvalidParameterValue', 'The sandbox modifies createVolumePermission only')
  const operation = parameters.required('OperationType')
  const accounts = parameters.list('UserId')
  for (const account of accounts) if (!/^\d{12}$/.test(account)) throw invalid('UserId', account)
  parameters.permitted()
  if (snapshot.key === 'default')
    throw new Refusal('OperationNotPermitted', 'Encrypted snapshots with EBS default key cannot be shared')
  const before = snapshot.sharedWith ?? []
  if (operation === 'add') snapshot.sharedWith = [...new Set([...before, ...accounts])]
  else if (operation === 'remove') snapshot.sharedWith = before.filter(one => !accounts.includes(one))
  else throw invalid('OperationType', operation)
  announce(cloud, 'ModifySnapshotAttribute', snapshot.id)
  return RETURN_TRUE
}

export function describeSnapshotAttribute(cloud: Cloud, parameters: Parameters): Tree {
  const snapshot = find(cloud.snapshots, parameters.required('SnapshotId'), SNAPSHOT)
  if (parameters.required('Attribute') !== 'createVolumePermission')
    throw new Refusal('InvalidParameterValue', 'The sandbox describes createVolumePermission only')
  return {
    snapshotId: snapshot.id,
    createVolumePermission: (snapshot.sharedWith ?? []).map(userId => ({ userId })),
  }
}
