import type { ModifyInstanceAttributeCommandInput } from '@aws-sdk/client-ec2'
import type { Description } from '../../../core/description.ts'

/** An attribute and the value that keeps the evidence. ModifyInstanceAttribute takes one a call. */
export interface Guard {
  readonly name: string
  readonly change: Omit<ModifyInstanceAttributeCommandInput, 'InstanceId'>
}

export const TERMINATION = 'termination protection'
export const STOP = 'stop protection'
export const SHUTDOWN = 'the behaviour at shutdown'
export const DISKS = 'that the disks outlive the instance'

/** The stop protection would block a stop of our own. */
export function guardsFor({ volumes }: Description, stopComes: boolean): Guard[] {
  return [
    { name: TERMINATION, change: { DisableApiTermination: { Value: true } } },
    ...(stopComes ? [] : [{ name: STOP, change: { DisableApiStop: { Value: true } } }]),
    // `shutdown` from inside bypasses the protection where the behaviour is to terminate.
    { name: SHUTDOWN, change: { InstanceInitiatedShutdownBehavior: { Value: 'stop' } } },
    ...(volumes.length > 0
      ? [
          {
            name: DISKS,
            change: { BlockDeviceMappings: devices(volumes.map(one => ({ ...one, deleteOnTermination: false }))) },
          },
        ]
      : []),
  ]
}

export function originalsOf({ protection, volumes }: Description): { originals: Guard[]; unknown: string[] } {
  const { termination, stop, shutdown } = protection
  const originals: Guard[] = [
    ...(termination === undefined
      ? []
      : [{ name: TERMINATION, change: { DisableApiTermination: { Value: termination } } }]),
    ...(stop === undefined ? [] : [{ name: STOP, change: { DisableApiStop: { Value: stop } } }]),
    ...(shutdown === undefined
      ? []
      : [{ name: SHUTDOWN, change: { InstanceInitiatedShutdownBehavior: { Value: shutdown } } }]),
    ...(volumes.length > 0 ? [{ name: DISKS, change: { BlockDeviceMappings: devices(volumes) } }] : []),
  ]
  const unknown = [
    ...(termination === undefined ? [TERMINATION] : []),
    ...(stop === undefined ? [STOP] : []),
    ...(shutdown === undefined ? [SHUTDOWN] : []),
  ]
  return { originals, unknown }
}

export function devices(volumes: Description['volumes']) {
  return volumes.map(({ id: volume, device, deleteOnTermination }) => ({
    DeviceName: device,
    Ebs: { VolumeId: volume, DeleteOnTermination: deleteOnTermination },
  }))
}
