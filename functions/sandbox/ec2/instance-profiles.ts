import { announce, type Cloud, type Instance } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import { find, INSTANCE } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import type { Tree } from './xml.ts'

/** An instance profile is named as the one role that it holds. */
export function profileArn({ account, roles }: Cloud, role: string): string {
  return `arn:aws:iam::${account}:instance-profile${roles?.get(role)?.path ?? '/'}${role}`
}

export function associationOf({ id }: Instance): string {
  return `iip-assoc-${id.slice(2)}`
}

function associationTree(cloud: Cloud, instance: Instance, role: string, state: string): { [name: string]: Tree } {
  return {
    associationId: associationOf(instance),
    instanceId: instance.id,
    iamInstanceProfile: { arn: profileArn(cloud, role), id: 'AIPASANDBOX' },
    state,
  }
}

export function describeIamInstanceProfileAssociations(cloud: Cloud, parameters: Parameters): Tree {
  const associated = [...cloud.instances.values()].filter(({ role }) => role !== undefined)
  const { items, nextToken } = paged(
    filtered(associated, parameters, { 'instance-id': ({ id }) => [id], state: () => ['associated'] }),
    parameters,
  )
  return {
    iamInstanceProfileAssociationSet: items.map(one => associationTree(cloud, one, one.role ?? '', 'associated')),
    nextToken,
  }
}

export function disassociateIamInstanceProfile(cloud: Cloud, parameters: Parameters): Tree {
  const association = parameters.required('AssociationId')
  const instance = [...cloud.instances.values()].find(one => associationOf(one) === association)
  const role = instance?.role
  if (!instance || role === undefined)
    throw new Refusal('InvalidAssociationID.NotFound', `An invalid association-id of '${association}' was given`)
  parameters.permitted()
  delete instance.role
  announce(cloud, 'DisassociateIamInstanceProfile', instance.id)
  return { iamInstanceProfileAssociation: associationTree(cloud, instance, role, 'disassociating') }
}

export function associateIamInstanceProfile(cloud: Cloud, parameters: Parameters): Tree {
  const instance = find(cloud.instances, parameters.required('InstanceId'), INSTANCE)
  const arn = parameters.structure('IamInstanceProfile')?.required('Arn') ?? ''
  const role = [...(cloud.roles?.keys() ?? [])].find(name => profileArn(cloud, name) === arn)
  if (role === undefined)
    throw new Refusal('InvalidParameterValue', `Value (${arn}) for parameter iamInstanceProfile.arn is invalid.`)
  if (instance.role !== undefined)
    throw new Refusal('IncorrectState', `There is an existing association for instance ${instance.id}`)
  if (instance.state === 'shutting-down' || instance.state === 'terminated')
    throw new Refusal(
      'IncorrectInstanceState',
      `The instance '${instance.id}' is not in the 'running' or 'stopped' states.`,
    )
  parameters.permitted()
  instance.role = role
  announce(cloud, 'AssociateIamInstanceProfile', instance.id)
  return { iamInstanceProfileAssociation: associationTree(cloud, instance, role, 'associating') }
}
