import { announce, type Cloud } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import { RETURN_TRUE } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

interface Tagged {
  tags: Record<string, string>
}

/** What can bear tags, by the prefix of its id. */
function taggable(
  cloud: Cloud,
): readonly { prefix: string; type: string; code: string; things: Map<string, Tagged> }[] {
  return [
    { prefix: 'i', type: 'instance', code: 'InvalidInstanceID', things: cloud.instances },
    { prefix: 'eni', type: 'network-interface', code: 'InvalidNetworkInterfaceID', things: cloud.interfaces },
    { prefix: 'vol', type: 'volume', code: 'InvalidVolume', things: cloud.volumes },
    { prefix: 'snap', type: 'snapshot', code: 'InvalidSnapshot', things: cloud.snapshots },
    { prefix: 'acl', type: 'network-acl', code: 'InvalidNetworkAclID', things: cloud.acls },
    { prefix: 'sg', type: 'security-group', code: 'InvalidGroup', things: cloud.groups },
    { prefix: 'subnet', type: 'subnet', code: 'InvalidSubnetID', things: cloud.subnets },
    { prefix: 'vpc', type: 'vpc', code: 'InvalidVpcID', things: cloud.vpcs },
  ]
}

/** EC2 User Guide, "Tag restrictions". */
const MAX_TAGS = 50

function readTags(holder: Parameters): Record<string, string> {
  return Object.fromEntries(
    holder.structures('Tag').map(tag => {
      const key = tag.required('Key')
      const value = tag.text('Value') ?? ''
      if (key.length > 128 || value.length > 256)
        throw new Refusal('InvalidParameterValue', `Tag ${key.slice(0, 128)} exceeds the maximum length`)
      if (key.toLowerCase().startsWith('aws:'))
        throw new Refusal('InvalidParameterValue', 'Tag keys starting with aws: are reserved for internal use')
      return [key, value]
    }),
  )
}

/** The tags that a creating call gives to what it makes. */
export function tagsFor(type: string, parameters: Parameters): Record<string, string> {
  const tags = parameters
    .structures('TagSpecification')
    .filter(specification => {
      const named = specification.required('ResourceType')
      if (named !== type)
        throw new Refusal(
          'InvalidParameterValue',
          `'${named}' is not a valid taggable resource type for this operation.`,
        )
      return true
    })
    .map(readTags)
  return Object.assign({}, ...tags)
}

export function createTags(cloud: Cloud, parameters: Parameters): Tree {
  const holders = readHolders(cloud, parameters)
  const tags = readTags(parameters)
  if (Object.keys(tags).length === 0)
    throw new Refusal('MissingParameter', 'The request must contain the parameter tagSet')
  parameters.permitted()
  for (const { id, holder } of holders)
    if (Object.keys({ ...holder.tags, ...tags }).length > MAX_TAGS)
      throw new Refusal('TagLimitExceeded', `The maximum number of tags for '${id}' has been reached.`)
  for (const { id, holder } of holders) {
    Object.assign(holder.tags, tags)
    announce(cloud, 'CreateTags', id)
  }
  return RETURN_TRUE
}

export function deleteTags(cloud: Cloud, parameters: Parameters): Tree {
  const holders = readHolders(cloud, parameters)
  const tags = parameters.structures('Tag').map(tag => ({ key: tag.required('Key'), value: tag.text('Value') }))
  parameters.permitted()
  for (const { id, holder } of holders) {
    const doomed = tags.length > 0 ? tags : Object.keys(holder.tags).map(key => ({ key, value: undefined }))
    for (const { key, value } of doomed)
      if (!key.startsWith('aws:') && (value === undefined || holder.tags[key] === value)) delete holder.tags[key]
    announce(cloud, 'DeleteTags', id)
  }
  return RETURN_TRUE
}

export function describeTags(cloud: Cloud, parameters: Parameters): Tree {
  const all = taggable(cloud).flatMap(({ type, things }) =>
    [...things].flatMap(([resourceId, { tags }]) =>
      Object.entries(tags).map(([key, value]) => ({ resourceId, type, key, value, tags })),
    ),
  )
  const { items, nextToken } = paged(
    filtered(all, parameters, {
      key: ({ key }) => [key],
      value: ({ value }) => [value],
      'resource-id': ({ resourceId }) => [resourceId],
      'resource-type': ({ type }) => [type],
    }),
    parameters,
  )
  return {
    tagSet: items.map(({ resourceId, type, key, value }) => ({ resourceId, resourceType: type, key, value })),
    nextToken,
  }
}

function readHolders(cloud: Cloud, parameters: Parameters): { id: string; holder: Tagged }[] {
  const ids = parameters.list('ResourceId')
  if (ids.length === 0) throw new Refusal('MissingParameter', 'The request must contain the parameter resourceIdSet')
  return ids.map(id => {
    const type = taggable(cloud).find(({ prefix }) => id.startsWith(`${prefix}-`))
    if (!type) throw new Refusal('InvalidID', `The ID '${id}' is not valid`)
    const holder = type.things.get(id)
    if (!holder) throw new Refusal(`${type.code}.NotFound`, `The ID '${id}' does not exist`)
    return { id, holder }
  })
}
