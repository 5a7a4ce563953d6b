import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grantingResource, isLike } from './grants.ts'
import { right } from './right.ts'

const group = 'arn:aws:ec2:eu-west-1:111122223333:security-group/sg-1'
const permission = { actions: ['ec2:RevokeSecurityGroupEgress'], resources: ['arn:aws:ec2:*:*:security-group/*'] }

test('isLike() lets a star stand for any text, and nothing else for anything', () => {
  for (const [pattern, value] of [
    ['*', ''],
    ['arn:aws:ec2:*::snapshot/*', 'arn:aws:ec2:eu-west-1::snapshot/snap-1'],
    ['traffic/*', 'traffic/'],
    ['a*b*c', 'abbc'],
    ['scope', 'scope'],
  ] as const)
    assert.ok(isLike(pattern, value), `${pattern} ${value}`)
  for (const [pattern, value] of [
    ['arn:aws:ec2:*:*:volume/*', group],
    ['a*a', 'a'],
    ['a*b*b', 'ab'],
    ['scope', 'scopes'],
    ['traffic/*', 'a traffic/'],
  ] as const)
    assert.ok(!isLike(pattern, value), `${pattern} ${value}`)
})

test('grantingResource() names the resource that grants, for the action and the resource alone', () => {
  const asked = right('ec2:RevokeSecurityGroupEgress', group)
  assert.equal(grantingResource(permission, asked), 'arn:aws:ec2:*:*:security-group/*')
  assert.equal(grantingResource(permission, { ...asked, action: 'ec2:RevokeSecurityGroupIngress' }), undefined)
  assert.equal(grantingResource(permission, { ...asked, resource: '*' }), undefined)
})

test('grantingResource() holds every condition of a permission against what the request says', () => {
  const granted = (operator: string, key: string, wanted: string | readonly string[], given?: readonly string[]) => {
    const keys: Record<string, readonly string[]> = given === undefined ? {} : { [key]: given }
    const conditions = { [operator]: { [key]: wanted } }
    return (
      grantingResource({ ...permission, conditions }, right(permission.actions[0] ?? '', group, keys)) !== undefined
    )
  }
  assert.ok(granted('Null', 'aws:ResourceTag/q', 'false', ['vpc-1']))
  assert.ok(!granted('Null', 'aws:ResourceTag/q', 'false'))
  assert.ok(granted('StringEquals', 'ec2:CreateAction', 'CreateSnapshots', ['CreateSnapshots']))
  assert.ok(!granted('StringEquals', 'ec2:CreateAction', 'CreateSnapshots', ['CreateVolume']))
  assert.ok(!granted('StringEquals', 'ec2:CreateAction', 'CreateSnapshots'))
  assert.ok(granted('ForAllValues:StringLike', 'dynamodb:LeadingKeys', ['traffic/*', 'scope'], ['traffic/a', 'scope']))
  assert.ok(!granted('ForAllValues:StringLike', 'dynamodb:LeadingKeys', ['traffic/*'], ['traffic/a', 'incidents']))
  assert.ok(granted('ForAllValues:StringEquals', 'dynamodb:LeadingKeys', ['halt']))
  assert.ok(!granted('NumericLessThan', 'ec2:VolumeSize', '1', ['0']))
})
