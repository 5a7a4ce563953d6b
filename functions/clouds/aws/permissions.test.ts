import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HALT_JOURNAL, haltKey } from '../../core/halt.ts'
import { awsPermissions } from './permissions.ts'

const permissions = awsPermissions()

function actionsOf(name: keyof typeof permissions): string[] {
  return permissions[name].flatMap(({ actions }) => actions)
}

test('watch and operate have no right on instances at all', () => {
  for (const name of ['watch', 'operate'] as const)
    assert.deepEqual(
      actionsOf(name).filter(action => action.startsWith('ec2:')),
      [],
    )
})

test('verify changes no instance: what it may write is a quarantine group', () => {
  const writing = actionsOf('verify').filter(action => /^ec2:(?!Describe)/.test(action))
  assert.deepEqual(writing.toSorted(), [
    'ec2:CreateSecurityGroup',
    'ec2:CreateSecurityGroup',
    'ec2:CreateTags',
    'ec2:RevokeSecurityGroupEgress',
    'ec2:RevokeSecurityGroupIngress',
  ])
})

test('no function may do all of a service, and none writes to all resources', () => {
  for (const list of Object.values(permissions))
    for (const { actions, resources } of list) {
      assert.ok(
        actions.every(action => /^[a-z0-9]+:[A-Z][A-Za-z]+$/.test(action)),
        `${actions}`,
      )
      const reading = actions.every(action => /:(Describe|Get|BatchGet|List|Query)/.test(action))
      assert.ok(reading || !resources.includes('*'), `${actions}`)
    }
})

test('a permission that several steps declare is given once', () => {
  for (const list of Object.values(permissions))
    assert.equal(new Set(list.map(one => JSON.stringify(one))).size, list.length)
})

test('operate writes nothing to the ledger but the halt and its journal, and watch only what its own state is', () => {
  const writing = (name: keyof typeof permissions) =>
    permissions[name].filter(({ actions }) => actions.some(action => /^dynamodb:(?!Get|BatchGet|Query)/.test(action)))
  assert.deepEqual(
    writing('operate').map(({ actions, conditions }) => [actions, conditions]),
    [
      [
        ['dynamodb:PutItem'],
        { 'ForAllValues:StringEquals': { 'dynamodb:LeadingKeys': [haltKey.partition, `incident/${HALT_JOURNAL}`] } },
      ],
    ],
  )
  assert.deepEqual(
    writing('watch').map(({ actions, conditions }) => [actions, conditions]),
    [
      [
        ['dynamodb:PutItem'],
        { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': ['traffic/*', 'acl/*', 'scope'] } },
      ],
    ],
  )
})
