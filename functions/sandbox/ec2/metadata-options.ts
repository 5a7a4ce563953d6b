import { announce, type Cloud, type MetadataOptions } from '../cloud.ts'
import { find, INSTANCE } from './lookup.ts'
import { invalid, type Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** As an instance has them whose launch, image and account say nothing (InstanceMetadataOptionsRequest). */
export function defaultMetadata(): MetadataOptions {
  return { endpoint: 'enabled', tokens: 'optional', hopLimit: 1, ipv6: 'disabled', tags: 'disabled' }
}

export function metadataTree({ endpoint, tokens, hopLimit, ipv6, tags }: MetadataOptions, state: string): Tree {
  return {
    state,
    httpTokens: tokens,
    httpPutResponseHopLimit: hopLimit,
    httpEndpoint: endpoint,
    httpProtocolIpv6: ipv6,
    instanceMetadataTags: tags,
  }
}

/** What is not given stays as it is (ModifyInstanceMetadataOptions). */
export function modifyInstanceMetadataOptions(cloud: Cloud, parameters: Parameters): Tree {
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  const before = instance.metadata
  const hopLimit = parameters.whole('HttpPutResponseHopLimit') ?? before.hopLimit
  if (hopLimit < 1 || hopLimit > 64) throw invalid('HttpPutResponseHopLimit', String(hopLimit))
  const after: MetadataOptions = {
    endpoint: choice(parameters, 'HttpEndpoint', SWITCH) ?? before.endpoint,
    tokens: choice(parameters, 'HttpTokens', ['optional', 'required'] as const) ?? before.tokens,
    hopLimit,
    ipv6: choice(parameters, 'HttpProtocolIpv6', SWITCH) ?? before.ipv6,
    tags: choice(parameters, 'InstanceMetadataTags', SWITCH) ?? before.tags,
  }
  // "A running or stopped instance" (ModifyInstanceMetadataOptions); a terminated one still answers for an hour.
  if (instance.state === 'shutting-down' || instance.state === 'terminated')
    throw new Refusal(
      'IncorrectInstanceState',
      `The instance '${instance.id}' is not in a state in which its metadata options can be modified.`,
    )
  parameters.permitted()
  instance.metadata = after
  announce(cloud, 'ModifyInstanceMetadataOptions', instance.id)
  return { instanceId: instance.id, instanceMetadataOptions: metadataTree(after, 'pending') }
}

const SWITCH = ['enabled', 'disabled'] as const

function choice<T extends string>(parameters: Parameters, name: string, choices: readonly T[]): T | undefined {
  const given = parameters.text(name)
  const found = choices.find(one => one === given)
  if (given !== undefined && found === undefined) throw invalid(name, given)
  return found
}
