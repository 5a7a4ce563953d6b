import {
  DescribeInstancesCommand,
  type InstanceAttributeName,
  ModifyInstanceAttributeCommand,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import type { Description } from '../../../core/description.ts'
import { PartialFailure } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Drift, Step } from '../../../core/ports.ts'
import { readAttribute } from '../describe.ts'
import type { Ec2 } from '../ec2.ts'
import { Reservation } from '../ec2-shapes.ts'
import { codeOf } from '../faults.ts'
import { awsCommand } from './command-line.ts'
import { changeEach } from './each.ts'
import { DISKS, devices, type Guard, guardsFor, originalsOf, SHUTDOWN, STOP, TERMINATION } from './guards.ts'
import { isUnknown, PROTECT, protectionBefore, readBefore } from './protection-before.ts'
import { factList, isFresh, restorePointOf } from './restore-point.ts'
import { isStopNeeded, type StopSettings } from './stop.ts'

const id = PROTECT

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
      const before = protectionBefore(incident)
      const unknown = guards.filter(({ name }) => isUnknown(name, before)).map(({ name }) => name)
      const facts = await readBefore(ec2, incident.instance, unknown, signal)
      // What was read must be written down before it is changed: the next try changes it.
      const waiting = unknown.filter(name => !isUnknown(name, { ...before, ...facts }))
      const set1 = await changeEach(
        'set',
        guards.filter(({ name }) => !waiting.includes(name)),
        ({ name }) => name,
        async guard => ({
          guard,
          refused: await set(incident.instance, guard, signal),
        }),
      )
      const refused = set1.filter(one => one.refused !== undefined)
      const done = set1.filter(one => one.refused === undefined).map(({ guard }) => `Set ${guard.name}`)
      const kept = { ...incident.steps[id]?.facts, ...facts, unprotected: refused.map(({ guard }) => guard.name) }
      if (waiting.length > 0)
        throw new PartialFailure(`The cut did not wait to learn ${waiting.join(', ')}: read now, set at the next try`, {
          done,
          facts: kept,
        })
      return {
        done,
        unable: [
          ...refused.map(one => `${one.guard.name} cannot be set on this instance (${one.refused})`),
          ...outsiders(restorePointOf(incident)),
        ],
        facts: kept,
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

    async drifted({ incident, signal }) {
      const { instance } = incident
      const protection = protectionBefore(incident)
      const { volumes } = restorePointOf(incident)
      const disks = await mappings(instance, signal)
      // Of an instance that is gone nothing of this can be put back.
      if (!disks) return []
      const skipped = factList(incident, id, 'unprotected')
      const read = (attribute: InstanceAttributeName) => readAttribute(ec2.standard(), instance, attribute, signal)
      const [termination, stopping, shutdown] = await Promise.all([
        read('disableApiTermination'),
        read('disableApiStop'),
        read('instanceInitiatedShutdownBehavior'),
      ])
      const attributes = [
        { name: TERMINATION, before: protection.termination, left: true, now: termination },
        { name: STOP, before: protection.stop, left: !isStopNeeded(incident, settings), now: stopping },
        { name: SHUTDOWN, before: protection.shutdown, left: 'stop', now: shutdown },
      ]
      const changed = attributes.filter(
        ({ name, before, left, now }) =>
          !skipped.includes(name) && before !== undefined && now !== undefined && now !== left && now !== before,
      )
      return [
        ...changed.map(({ name, left, now }): Drift => {
          return { resource: `${name} of ${instance}`, left: wordOf(left), found: wordOf(now) }
        }),
        ...(skipped.includes(DISKS) ? [] : volumes).flatMap(({ id: volume, device, deleteOnTermination }): Drift[] => {
          const held = disks.find(one => one.DeviceName === device && one.Ebs?.VolumeId === volume)
          if (!held) return [{ resource: volume, left: `attached as ${device}`, found: `not attached there any more` }]
          if (!held.Ebs?.DeleteOnTermination || deleteOnTermination) return []
          return [{ resource: volume, left: 'to outlive the instance', found: 'to be deleted with it' }]
        }),
      ]
    },

    async revert({ incident, signal }) {
      const point = { ...(await withAttached(incident, signal)), protection: protectionBefore(incident) }
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
      const { termination, stop: stopping, shutdown } = protectionBefore(incident)
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

  /** The disks of the instance; `undefined` where it is gone. */
  async function mappings(instance: string, signal: AbortSignal) {
    try {
      const answer = await ec2
        .standard()
        .send(new DescribeInstancesCommand({ InstanceIds: [instance] }), { abortSignal: signal })
      return z
        .array(Reservation)
        .parse(answer.Reservations ?? [])
        .flatMap(({ Instances }) => Instances)
        .find(({ State }) => State.Name !== 'terminated')?.BlockDeviceMappings
    } catch (thrown) {
      if (codeOf(thrown) !== 'InvalidInstanceID.NotFound') throw thrown
      return undefined
    }
  }

  /** The restore point with those of its volumes that are still attached: one that is not fails the call for all. */
  async function withAttached(incident: Incident, signal: AbortSignal): Promise<Description> {
    const point = restorePointOf(incident)
    const attached = ((await mappings(incident.instance, signal)) ?? []).map(
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
    return !((await mappings(instance, signal)) ?? []).some(
      ({ Ebs }) => Ebs?.DeleteOnTermination && own.includes(Ebs.VolumeId),
    )
  }
}

/** What may still end the instance whatever its attributes say. The step autoscaler sees to its autoscaling group. */
function outsiders({ spot }: Description): string[] {
  return spot ? ['A Spot instance can be taken back at any time'] : []
}

function wordOf(value: string | boolean | undefined): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)
}
