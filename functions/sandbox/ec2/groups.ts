import { announce, type Cloud, type GroupRule, type SecurityGroup } from '../cloud.ts'
import { filtered, paged } from './filters.ts'
import { find, GROUP, named, newId, tagSet, VPC } from './lookup.ts'
import type { Parameters } from './parameters.ts'
import { isSameRule, permissionTree, readPermissions, ruleId, ruleTree } from './permissions.ts'
import { Refusal } from './refusal.ts'
import { tagsFor } from './tags.ts'
import type { Tree } from './xml.ts'

export function describeSecurityGroups(cloud: Cloud, parameters: Parameters): Tree {
  const { items, nextToken } = paged(
    filtered(named(cloud.groups, parameters.list('GroupId'), GROUP), parameters, {
      'group-id': ({ id }) => [id],
      'group-name': ({ name }) => [name],
      'vpc-id': ({ vpc }) => [vpc],
      description: one => [one.description],
      'owner-id': () => [cloud.account],
    }),
    parameters,
  )
  return {
    securityGroupInfo: items.map(one => ({
      groupId: one.id,
      groupName: one.name,
      groupDescription: one.description,
      vpcId: one.vpc,
      ownerId: cloud.account,
      ipPermissions: permissionTree(cloud, one.ingress),
      ipPermissionsEgress: permissionTree(cloud, one.egress),
      tagSet: tagSet(one.tags),
    })),
    nextToken,
  }
}

export function createSecurityGroup(cloud: Cloud, parameters: Parameters): Tree {
  const name = parameters.required('GroupName')
  const description = parameters.required('GroupDescription')
  const vpc = find(cloud.vpcs, parameters.required('VpcId'), VPC)
  // CreateSecurityGroup, GroupName: "Can't start with sg-"; both up to 255 of a few characters.
  if (name.startsWith('sg-'))
    throw new Refusal(
      'InvalidParameterValue',
      `Value (${name}) for parameter GroupName is invalid. Group names may not be in the format sg-*.`,
    )
  for (const [parameter, text] of [
    ['GroupName', name],
    ['GroupDescription', description],
  ])
    if (!/^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(text ?? ''))
      throw new Refusal(
        'InvalidParameterValue',
        `Value (${text}) for parameter ${parameter} is invalid. Invalid characters or length.`,
      )
  const tags = tagsFor('security-group', parameters)
  parameters.permitted()
  if ([...cloud.groups.values()].some(one => one.vpc === vpc.id && one.name === name))
    throw new Refusal('InvalidGroup.Duplicate', `The security group '${name}' already exists for VPC '${vpc.id}'`)
  const group: SecurityGroup = {
    id: newId('sg'),
    name,
    description,
    vpc: vpc.id,
    ingress: [],
    // A new group lets everything out, over IPv6 too where the VPC has it (CreateSecurityGroup).
    egress: ['0.0.0.0/0', ...(vpc.ipv6Cidr === undefined ? [] : ['::/0'])].map(cidr => ({
      protocol: '-1',
      from: 0,
      to: 65_535,
      cidr,
    })),
    tags,
  }
  cloud.groups.set(group.id, group)
  announce(cloud, 'CreateSecurityGroup', group.id)
  return {
    return: true,
    groupId: group.id,
    tagSet: tagSet(tags),
    securityGroupArn: `arn:aws:ec2:${cloud.region}:${cloud.account}:security-group/${group.id}`,
  }
}

export function describeSecurityGroupRules(cloud: Cloud, parameters: Parameters): Tree {
  const all = [...cloud.groups.values()].flatMap(group =>
    ([true, false] as const).flatMap(egress =>
      (egress ? group.egress : group.ingress).map(rule => ({
        id: ruleId(group.id, egress, rule),
        group,
        egress,
        rule,
        tags: {},
      })),
    ),
  )
  const ids = parameters.list('SecurityGroupRuleId')
  for (const id of ids) if (!all.some(one => one.id === id)) throw unknownRule(id)
  const { items, nextToken } = paged(
    filtered(
      all.filter(({ id }) => ids.length === 0 || ids.includes(id)),
      parameters,
      { 'group-id': ({ group }) => [group.id], 'security-group-rule-id': ({ id }) => [id] },
    ),
    parameters,
  )
  return {
    securityGroupRuleSet: items.map(({ group, egress, rule }) => ruleTree(cloud, group, egress, rule)),
    nextToken,
  }
}

export const authorizeSecurityGroupEgress = (cloud: Cloud, parameters: Parameters): Tree =>
  authorize(cloud, parameters, true)

export const authorizeSecurityGroupIngress = (cloud: Cloud, parameters: Parameters): Tree =>
  authorize(cloud, parameters, false)

export const revokeSecurityGroupEgress = (cloud: Cloud, parameters: Parameters): Tree => revoke(cloud, parameters, true)

export const revokeSecurityGroupIngress = (cloud: Cloud, parameters: Parameters): Tree =>
  revoke(cloud, parameters, false)

function authorize(cloud: Cloud, parameters: Parameters, egress: boolean): Tree {
  const group = find(cloud.groups, parameters.required('GroupId'), GROUP)
  const standing = egress ? group.egress : group.ingress
  const rules = readPermissions(cloud, group, parameters)
  if (rules.length === 0) throw noPermissions()
  parameters.permitted()
  for (const rule of rules)
    if (standing.some(one => isSameRule(one, rule)))
      throw new Refusal(
        'InvalidPermission.Duplicate',
        `the specified rule "peer: ${rule.cidr ?? rule.group}" already exists`,
      )
  standing.push(...rules)
  announce(cloud, egress ? 'AuthorizeSecurityGroupEgress' : 'AuthorizeSecurityGroupIngress', group.id)
  return { return: true, securityGroupRuleSet: rules.map(rule => ruleTree(cloud, group, egress, rule)) }
}

/** All rules are found before one is taken away. */
function revoke(cloud: Cloud, parameters: Parameters, egress: boolean): Tree {
  const group = find(cloud.groups, parameters.required('GroupId'), GROUP)
  const standing = egress ? group.egress : group.ingress
  const doomed = [
    ...readPermissions(cloud, group, parameters).map(rule => findRule(standing, rule)),
    ...parameters.list('SecurityGroupRuleId').map(id => {
      const found = standing.find(rule => ruleId(group.id, egress, rule) === id)
      if (!found) throw unknownRule(id)
      return found
    }),
  ]
  if (doomed.length === 0) throw noPermissions()
  parameters.permitted()
  const left = standing.filter(rule => !doomed.includes(rule))
  if (egress) group.egress = left
  else group.ingress = left
  announce(cloud, egress ? 'RevokeSecurityGroupEgress' : 'RevokeSecurityGroupIngress', group.id)
  return {
    return: true,
    revokedSecurityGroupRuleSet: doomed.map(rule => ({
      ...ruleTree(cloud, group, egress, rule),
      referencedGroupId: rule.group,
    })),
  }
}

function findRule(standing: readonly GroupRule[], rule: GroupRule): GroupRule {
  const found = standing.find(one => isSameRule(one, rule))
  if (!found)
    throw new Refusal('InvalidPermission.NotFound', 'The specified rule does not exist in this security group.')
  return found
}

function unknownRule(id: string): Refusal {
  return new Refusal('InvalidSecurityGroupRuleId.NotFound', `The security group rule ID '${id}' does not exist`)
}

function noPermissions(): Refusal {
  return new Refusal('MissingParameter', 'The request must contain the parameter ipPermissions')
}
