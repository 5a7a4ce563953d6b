import { announce, type Cloud } from '../cloud.ts'
import { interfacesOf } from './interfaces.ts'
import { find, INSTANCE, INTERFACE, newId, RETURN_TRUE } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

export function attachNetworkInterface(cloud: Cloud, parameters: Parameters): Tree {
  const one = find(cloud.interfaces, parameters.required('NetworkInterfaceId'), INTERFACE)
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  const deviceIndex = parameters.whole('DeviceIndex')
  if (deviceIndex === undefined)
    throw new Refusal('MissingParameter', 'The request must contain the parameter deviceIndex')
  parameters.permitted()
  if (one.instance !== undefined) throw new Refusal('InvalidNetworkInterface.InUse', `Interface: [${one.id}] in use.`)
  if (interfacesOf(cloud, instance.id).some(held => held.deviceIndex === deviceIndex))
    throw new Refusal(
      'InvalidParameterValue',
      `Instance '${instance.id}' already has an interface attached at device index '${deviceIndex}'.`,
    )
  const attachment = newId('eni-attach')
  Object.assign(one, { instance: instance.id, attachment, deviceIndex })
  announce(cloud, 'AttachNetworkInterface', one.id)
  return { attachmentId: attachment, networkCardIndex: 0 }
}

export function detachNetworkInterface(cloud: Cloud, parameters: Parameters): Tree {
  const attachment = parameters.required('AttachmentId')
  parameters.permitted()
  const one = [...cloud.interfaces.values()].find(held => held.attachment === attachment)
  if (!one) throw new Refusal('InvalidAttachmentID.NotFound', `The attachment ID '${attachment}' does not exist`)
  if (one.deviceIndex === 0)
    throw new Refusal('OperationNotPermitted', 'The network interface at device index 0 cannot be detached.')
  delete one.instance
  delete one.attachment
  announce(cloud, 'DetachNetworkInterface', one.id)
  return RETURN_TRUE
}
