import {
  DescribeInstancesCommand,
  ModifyInstanceAttributeCommand,
  type ModifyInstanceAttributeCommandInput,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { Description } from '../../../core/description.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import { readAttribute } from '../describe.ts'
import type { Ec2 } from '../ec2.ts'
import { Reservation } from '../ec2-shapes.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { changeEach } from './each.ts'
import { factList, isFresh, restorePointOf } from './restore-point.ts'
import { isStopNeeded, type StopSettings } from './stop.ts'

const id = 'protect'

/** An attribute and the value that keeps the evidence. ModifyInstanceAttribute takes one a call. */
interface Guard {
  readonly name: string
  readonly change: Omit<ModifyInstanceAttributeCommandInput, 'InstanceId'>
}

/** What an instance answers that cannot have the attribute: Spot, a state that does not take it, or none any more. */
const NOT_FOR_THIS_INSTANCE = [
  'UnsupportedOperation',
  'InvalidParameterCombination',
  'IncorrectInstanceState',
  'InvalidInstanceID.NotFound',
]

/** Keeps the instance and its disks from being terminated, by the API, from inside, or with the instance. */
export function protect(ec2: Ec2, settings: StopSettings): Step {
  async function set(instance: string, guard: Guard, signal: AbortSignal): Promise<string | undefined> {
    try {
      await ec2.standard().send(new ModifyInstanceAttributeCommand({ InstanceId: instance, ...guard.change }), {
        abortSignal: signal,
      })
      return undefined
    } catch (thrown) {
      if (NOT_FOR_THIS_INSTANCE.includes(codeOf(thrown))) return codeOf(thrown)
      throw thrown
    }
  }

  return {
    id,
    stage: 'preserve',
    permissions: [
      { actions: ['ec2:DescribeInstances', 'ec2:DescribeInstanceAttribute'], resources: ['*'] },
      {
        // No tag condition: an instance stays in scope for a day after the intruder took its tag away.
        actions: ['ec2:ModifyInstanceAttribute'],
        resources: ['arn:aws:ec2:*:*:instance/*', 'arn:aws:ec2:*:*:volume/*'],
      },
    ],

    async apply(work) {
      const { incident, signal } = work
      const point = isFresh(work) ? restorePointOf(incident) : await withAttached(incident, signal)
      const guards = guardsFor(point, isStopNeeded(incident, settings))
      const set1 = await changeEach(
        'set',
        guards,
        ({ name }) => name,
        async guard => ({
          guard,
          refused: await set(incident.instance, guard, signal),
        }),
      )
      const refused = set1.filter(one => one.refused !== undefined)
      return {
        done: set1.filter(one => one.refused === undefined).map(({ guard }) => `Set ${guard.name}`),
        unable: [
          ...refused.map(one => `${one.guard.name} cannot be set on this instance (${one.refused})`),
          ...outsiders(restorePointOf(incident)),
        ],
        facts: { unprotected: refused.map(({ guard }) => guard.name) },
      }
    },

    async verify({ incident, signal }) {
      const skipped = factList(incident, id, 'unprotected')
      const wanted = guardsFor(restorePointOf(incident), isStopNeeded(incident, settings)).filter(
        ({ name }) => !skipped.includes(name),
      )
      const notes = await Promise.all(
        wanted.map(async guard =>
          (await stands(incident, guard, signal)) ? [] : [`${guard.name} is not set any more`],
        ),
      )
      return { holds: notes.flat().length === 0, notes: notes.flat() }
    },

    async revert({ incident, signal }) {
      const point = await withAttached(incident, signal)
      const { originals, unknown } = originalsOf(point)
      const outcomes = await changeEach(
        'put back',
        originals,
        ({ name }) => name,
        async ({ name, change }) => ({ name, refused: await set(incident.instance, { name, change }, signal) }),
      )
      const detached = restorePointOf(incident).volumes.filter(
        ({ id: own }) => !point.volumes.some(one => one.id === own),
      )
      return {
        done: outcomes.flatMap(({ name, refused }) => (refused === undefined ? `Put back ${name}` : [])),
        unable: [
          ...unknown.map(name => `${name} before is not known, so it is left as it is`),
          ...outcomes.flatMap(({ name, refused }) =>
            refused === undefined ? [] : `${name} cannot be put back on this instance (${refused})`,
          ),
          ...detached.map(one => `${one.id} is not attached any more, so it is left as it is`),
        ],
        facts: {},
      }
    },

    undo(incident) {
      const { termination, stop: stopping, shutdown } = restorePointOf(incident).protection
      const { volumes } = restorePointOf(incident)
      const modify = (...words: string[]) =>
        awsCommand(incident, 'ec2', 'modify-instance-attribute', '--instance-id', incident.instance, ...words)
      return [
        ...(termination === false ? [modify('--no-disable-api-termination')] : []),
        ...(stopping === false ? [modify('--disable-api-stop', 'Value=false')] : []),
        ...(shutdown === 'terminate' ? [modify('--instance-initiated-shutdown-behavior', 'Value=terminate')] : []),
        ...(volumes.some(({ deleteOnTermination }) => deleteOnTermination)
          ? [modify('--block-device-mappings', JSON.stringify(devices(volumes)))]
          : []),
      ]
    },
  }

  async function mappings(instance: string, signal: AbortSignal) {
    try {
      const answer = await ec2
        .standard()
        .send(new DescribeInstancesCommand({ InstanceIds: [instance] }), { abortSignal: signal })
      return z
        .array(Reservation)
        .parse(answer.Reservations ?? [])
        .flatMap(({ Instances }) => Instances.flatMap(one => one.BlockDeviceMappings))
    } catch (thrown) {
      if (codeOf(thrown) !== 'InvalidInstanceID.NotFound') throw thrown
      return []
    }
  }

  /** The restore point with those of its volumes that are still attached: one that is not fails the call for all. */
  async function withAttached(incident: Incident, signal: AbortSignal): Promise<Description> {
    const point = restorePointOf(incident)
    const attached = (await mappings(incident.instance, signal)).map(
      ({ DeviceName, Ebs }) => `${DeviceName} ${Ebs?.VolumeId}`,
    )
    return { ...point, volumes: point.volumes.filter(one => attached.includes(`${one.device} ${one.id}`)) }
  }

  async function stands({ instance }: Incident, { change }: Guard, signal: AbortSignal): Promise<boolean> {
    const client = ec2.standard()
    if (change.DisableApiTermination)
      return (await readAttribute(client, instance, 'disableApiTermination', signal)) === true
    if (change.DisableApiStop) return (await readAttribute(client, instance, 'disableApiStop', signal)) === true
    if (change.InstanceInitiatedShutdownBehavior)
      return (await readAttribute(client, instance, 'instanceInitiatedShutdownBehavior', signal)) === 'stop'
    const own = change.BlockDeviceMappings?.map(({ Ebs }) => Ebs?.VolumeId) ?? []
    return !(await mappings(instance, signal)).some(({ Ebs }) => Ebs?.DeleteOnTermination && own.includes(Ebs.VolumeId))
  }
}

const TERMINATION = 'termination protection'
const STOP = 'stop protection'
const SHUTDOWN = 'the behaviour at shutdown'
const DISKS = 'that the disks outlive the instance'

/** The stop protection would block a stop of our own. */
function guardsFor({ volumes }: Description, stopComes: boolean): Guard[] {
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

function originalsOf({ protection, volumes }: Description): { originals: Guard[]; unknown: string[] } {
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

function devices(volumes: Description['volumes']) {
  return volumes.map(({ id: volume, device, deleteOnTermination }) => ({
    DeviceName: device,
    Ebs: { VolumeId: volume, DeleteOnTermination: deleteOnTermination },
  }))
}

/** What may still end the instance whatever its attributes say. The step autoscaler sees to its autoscaling group. */
function outsiders({ spot }: Description): string[] {
  return spot ? ['A Spot instance can be taken back at any time'] : []
}
