import { tick } from '../autoscaling/tick.ts'
import { announce, type Cloud, type Instance } from '../cloud.ts'
import { release } from './addresses.ts'
import { stateTree, volumesOf } from './instances.ts'
import { interfacesOf } from './interfaces.ts'
import { find, INSTANCE } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** Virtual milliseconds that a stop, a start and a termination take; inference. */
const PASSING = 30_000

/** Brings to an end what was due by now: starts, stops, terminations, snapshots and what autoscaling does of itself. */
export function settle(cloud: Cloud, now: number): void {
  for (const instance of cloud.instances.values())
    if (instance.settlesAt !== undefined && instance.settlesAt <= now) {
      delete instance.settlesAt
      finish(cloud, instance)
    }
  for (const snapshot of cloud.snapshots.values())
    if (snapshot.state === 'pending' && snapshot.completesAt <= now) {
      snapshot.state = 'completed'
      announce(cloud, 'SnapshotCompleted', snapshot.id)
    }
  tick(cloud, now)
}

function finish(cloud: Cloud, instance: Instance): void {
  if (instance.state === 'pending') instance.state = 'running'
  else if (instance.state === 'stopping') {
    instance.state = 'stopped'
    // An assigned public address is given back at a stop, an elastic one stays (EC2 User Guide, "Public IPv4 addresses").
    for (const held of interfacesOf(cloud, instance.id)) delete held.assigned
  } else if (instance.state === 'shutting-down') {
    instance.state = 'terminated'
    clear(cloud, instance.id)
  }
  announce(cloud, `Instance ${instance.state}`, instance.id)
}

function clear(cloud: Cloud, instance: string): void {
  for (const held of interfacesOf(cloud, instance)) {
    for (const elastic of cloud.addresses.values()) if (elastic.interface === held.id) release(elastic)
    if (held.deleteOnTermination) cloud.interfaces.delete(held.id)
    else {
      delete held.instance
      delete held.attachment
    }
  }
  for (const volume of volumesOf(cloud, instance))
    if (volume.deleteOnTermination) cloud.volumes.delete(volume.id)
    else {
      delete volume.instance
      delete volume.device
    }
}

interface Transition {
  action: string
  /** From which states it begins; in any other that is not among `already` it is refused. */
  from: readonly Instance['state'][]
  to: Instance['state']
  already: readonly Instance['state'][]
  refuse?: (instance: Instance) => Refusal | undefined
  verb: string
}

const START: Transition = {
  action: 'StartInstances',
  from: ['stopped'],
  to: 'pending',
  already: ['pending', 'running'],
  verb: 'started',
}

const STOP: Transition = {
  action: 'StopInstances',
  from: ['running', 'pending'],
  to: 'stopping',
  already: ['stopping', 'stopped'],
  verb: 'stopped',
  refuse({ id, spot, stopProtection }) {
    if (spot)
      return new Refusal(
        'UnsupportedOperation',
        `You can't stop the Spot Instance '${id}' because it is associated with a one-time Spot Instance request.`,
      )
    return stopProtection ? protectedFrom(id, 'stopped', 'disableApiStop') : undefined
  },
}

const TERMINATE: Transition = {
  action: 'TerminateInstances',
  from: ['pending', 'running', 'stopping', 'stopped'],
  to: 'shutting-down',
  already: ['shutting-down', 'terminated'],
  verb: 'terminated',
  refuse: ({ id, terminationProtection }) =>
    terminationProtection ? protectedFrom(id, 'terminated', 'disableApiTermination') : undefined,
}

function protectedFrom(id: string, verb: string, attribute: string): Refusal {
  return new Refusal(
    'OperationNotPermitted',
    `The instance '${id}' may not be ${verb}. Modify its '${attribute}' instance attribute and try again.`,
  )
}

export const startInstances = (cloud: Cloud, parameters: Parameters, now: number): Tree =>
  pass(cloud, parameters, now, START)

export const stopInstances = (cloud: Cloud, parameters: Parameters, now: number): Tree =>
  pass(cloud, parameters, now, STOP)

export const terminateInstances = (cloud: Cloud, parameters: Parameters, now: number): Tree =>
  pass(cloud, parameters, now, TERMINATE)

/** All of them or none. */
function pass(cloud: Cloud, parameters: Parameters, now: number, transition: Transition): Tree {
  const ids = parameters.list('InstanceId')
  if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter InstanceId')
  const instances = ids.map(id => find(cloud.instances, id, INSTANCE))
  parameters.permitted()
  for (const instance of instances) {
    if (transition.already.includes(instance.state)) continue
    const refusal = transition.refuse?.(instance)
    if (refusal) throw refusal
    if (!transition.from.includes(instance.state))
      throw new Refusal(
        'IncorrectInstanceState',
        `The instance '${instance.id}' is not in a state from which it can be ${transition.verb}.`,
      )
  }
  return {
    instancesSet: instances.map(instance => {
      const before = instance.state
      if (!transition.already.includes(before)) {
        instance.state = transition.to
        instance.settlesAt = now + PASSING
        announce(cloud, transition.action, instance.id)
      }
      return {
        instanceId: instance.id,
        currentState: stateTree(instance.state),
        previousState: stateTree(before),
      }
    }),
  }
}
