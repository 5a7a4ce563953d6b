import { announce, type Cloud, type Instance } from '../cloud.ts'
import { deviceMapping, rootDevice, volumesOf } from './instances.ts'
import { groupSet, interfacesOf, setGroups } from './interfaces.ts'
import { find, INSTANCE, RETURN_TRUE } from './lookup.ts'
import { invalid, type Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

export function describeInstanceAttribute(cloud: Cloud, parameters: Parameters): Tree {
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  const attribute = parameters.required('Attribute')
  return { instanceId: instance.id, ...read(cloud, instance, attribute) }
}

function read(cloud: Cloud, instance: Instance, attribute: string): { [name: string]: Tree } {
  const volumes = volumesOf(cloud, instance.id)
  switch (attribute) {
    case 'disableApiTermination':
      return { disableApiTermination: { value: instance.terminationProtection } }
    case 'disableApiStop':
      return { disableApiStop: { value: instance.stopProtection } }
    case 'instanceInitiatedShutdownBehavior':
      return { instanceInitiatedShutdownBehavior: { value: instance.shutdown } }
    case 'instanceType':
      return { instanceType: { value: instance.type } }
    case 'rootDeviceName':
      return { rootDeviceName: { value: rootDevice(volumes) } }
    case 'blockDeviceMapping':
      return { blockDeviceMapping: deviceMapping(instance, volumes) }
    case 'groupSet':
      return { groupSet: groupSet(cloud, interfacesOf(cloud, instance.id)[0]?.groups ?? []) }
    default:
      throw invalid('attribute', attribute)
  }
}

const ATTRIBUTES = [
  'DisableApiTermination',
  'DisableApiStop',
  'InstanceInitiatedShutdownBehavior',
  'BlockDeviceMapping',
  'GroupId',
]

/** The older form names an attribute and its value (ModifyInstanceAttribute, parameters Attribute and Value). */
const OLDER: Readonly<Record<string, string>> = {
  disableApiTermination: 'DisableApiTermination',
  disableApiStop: 'DisableApiStop',
  instanceInitiatedShutdownBehavior: 'InstanceInitiatedShutdownBehavior',
}

export function modifyInstanceAttribute(cloud: Cloud, parameters: Parameters): Tree {
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  const older = parameters.text('Attribute')
  const given = older === undefined ? parameters.present(ATTRIBUTES) : [OLDER[older] ?? older]
  const [attribute] = given
  if (attribute === undefined) throw new Refusal('InvalidParameterCombination', 'No attributes specified.')
  if (given.length > 1)
    throw new Refusal(
      'InvalidParameterCombination',
      `Fields for multiple attribute types specified: ${given.join(', ')}`,
    )
  if (instance.state === 'terminated')
    throw new Refusal('IncorrectInstanceState', `Instance '${instance.id}' is terminated`)
  parameters.permitted()
  change(cloud, instance, attribute, parameters)
  announce(cloud, 'ModifyInstanceAttribute', instance.id)
  return RETURN_TRUE
}

function change(cloud: Cloud, instance: Instance, attribute: string, parameters: Parameters): void {
  const value = () => parameters.structure(attribute)?.text('Value') ?? parameters.required('Value')
  switch (attribute) {
    case 'DisableApiTermination':
      refuseOnSpot(instance, 'disableApiTermination')
      instance.terminationProtection = parseFlag(attribute, value())
      break
    case 'DisableApiStop':
      refuseOnSpot(instance, 'disableApiStop')
      instance.stopProtection = parseFlag(attribute, value())
      break
    case 'InstanceInitiatedShutdownBehavior': {
      const behaviour = value()
      if (behaviour !== 'stop' && behaviour !== 'terminate') throw invalid(attribute, behaviour)
      instance.shutdown = behaviour
      break
    }
    case 'BlockDeviceMapping':
      changeDevices(cloud, instance, parameters)
      break
    case 'GroupId': {
      const [only, ...more] = interfacesOf(cloud, instance.id)
      if (!only || more.length > 0)
        throw new Refusal(
          'InvalidInstanceID',
          `There are multiple interfaces attached to instance '${instance.id}'. Please specify an interface ID for the operation instead.`,
        )
      setGroups(cloud, only, parameters.list('GroupId'))
      break
    }
    default:
      throw invalid('attribute', attribute)
  }
}

function parseFlag(name: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw invalid(name, value)
  return value === 'true'
}

/** "You can't enable termination protection for Spot Instances", and likewise stop protection (EC2 User Guide). */
function refuseOnSpot({ id, spot }: Instance, attribute: string): void {
  if (spot)
    throw new Refusal('UnsupportedOperation', `The attribute ${attribute} is not supported for Spot Instance '${id}'`)
}

function changeDevices(cloud: Cloud, instance: Instance, parameters: Parameters): void {
  const changes = parameters.structures('BlockDeviceMapping').map(mapping => {
    const device = mapping.required('DeviceName')
    const ebs = mapping.structure('Ebs')
    const volume = volumesOf(cloud, instance.id).find(one => one.device === device)
    const id = ebs?.text('VolumeId')
    if (!volume || (id !== undefined && id !== volume.id))
      throw new Refusal('InvalidInstanceAttributeValue', `No device is currently mapped at ${device}`)
    return { volume, deletes: ebs?.flag('DeleteOnTermination') }
  })
  for (const { volume, deletes } of changes) if (deletes !== undefined) volume.deleteOnTermination = deletes
}
