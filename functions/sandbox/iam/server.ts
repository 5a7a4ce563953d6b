import { randomUUID } from 'node:crypto'
import type { Cloud, Role } from '../cloud.ts'
import { profileArn } from '../ec2/instance-profiles.ts'
import { type Parameters, parseParameters } from '../ec2/parameters.ts'
import { Refusal } from '../ec2/refusal.ts'
import { queryErrorXml, queryXml, type Tree } from '../ec2/xml.ts'
import { parsePolicy } from './policies.ts'

export const IAM_NAMESPACE = 'https://iam.amazonaws.com/doc/2010-05-08/'

type Action = (cloud: Cloud, parameters: Parameters) => Tree

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['DeleteRolePolicy', deleteRolePolicy],
  ['GetInstanceProfile', getInstanceProfile],
  ['GetRolePolicy', getRolePolicy],
  ['PutRolePolicy', putRolePolicy],
])

/** Inline policies of a role together, white space not counted (IAM User Guide, "IAM and AWS STS quotas"). */
const MAX_INLINE = 10_240

/** IAM over the state of a cloud, as the Query protocol of version 2010-05-08 has it. */
export function answerIam(cloud: Cloud, body: string): { status: number; requestId: string; body: string } {
  const requestId = randomUUID()
  const parameters = parseParameters(body)
  try {
    const action = parameters.text('Action') ?? ''
    const perform = ACTIONS.get(action)
    if (!perform) throw new Refusal('InvalidAction', `Could not find operation ${action} for version 2010-05-08`)
    const tree = perform(cloud, parameters)
    return { status: 200, requestId, body: queryXml(IAM_NAMESPACE, action, requestId, tree) }
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    const { code, message, status } = thrown
    return { status, requestId, body: queryErrorXml(IAM_NAMESPACE, code, message, requestId) }
  }
}

function roleOf({ roles }: Cloud, parameters: Parameters): Role {
  const name = parameters.required('RoleName')
  const role = roles?.get(name)
  if (!role) throw new Refusal('NoSuchEntity', `The role with name ${name} cannot be found.`, 404)
  return role
}

function policyOf(role: Role, parameters: Parameters): { name: string; document: string } {
  const name = parameters.required('PolicyName')
  const document = role.policies.get(name)
  if (document === undefined)
    throw new Refusal('NoSuchEntity', `The role policy with name ${name} cannot be found.`, 404)
  return { name, document }
}

function getInstanceProfile(cloud: Cloud, parameters: Parameters): Tree {
  const name = parameters.required('InstanceProfileName')
  const role = cloud.roles?.get(name)
  if (!role) throw new Refusal('NoSuchEntity', `Instance Profile ${name} cannot be found.`, 404)
  const { path } = role
  const common = { Path: path, CreateDate: new Date(0) }
  return {
    InstanceProfile: {
      ...common,
      InstanceProfileName: name,
      InstanceProfileId: 'AIPASANDBOX',
      Arn: profileArn(cloud, name),
      Roles: [
        { ...common, RoleName: name, RoleId: 'AROASANDBOX', Arn: `arn:aws:iam::${cloud.account}:role${path}${name}` },
      ],
    },
  }
}

function putRolePolicy(cloud: Cloud, parameters: Parameters): Tree {
  const role = roleOf(cloud, parameters)
  const name = parameters.required('PolicyName')
  if (!/^[\w+=,.@-]{1,128}$/.test(name)) throw new Refusal('ValidationError', `The policy name ${name} is not valid.`)
  const document = parameters.required('PolicyDocument')
  parsePolicy(document)
  const after = new Map([...role.policies, [name, document]])
  const size = [...after.values()].reduce((sum, text) => sum + text.replaceAll(/\s/g, '').length, 0)
  if (size > MAX_INLINE)
    throw new Refusal('LimitExceeded', `Maximum policy size of ${MAX_INLINE} bytes exceeded for role ${role.name}`, 409)
  role.policies = after
  return undefined
}

function getRolePolicy(cloud: Cloud, parameters: Parameters): Tree {
  const role = roleOf(cloud, parameters)
  const { name, document } = policyOf(role, parameters)
  return { RoleName: role.name, PolicyName: name, PolicyDocument: encodeURIComponent(document) }
}

function deleteRolePolicy(cloud: Cloud, parameters: Parameters): Tree {
  const role = roleOf(cloud, parameters)
  role.policies.delete(policyOf(role, parameters).name)
  return undefined
}
