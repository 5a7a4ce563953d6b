import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Use } from '../../functions/sandbox/iam/principals.ts'
import { played, scenes } from './permission-scenes.ts'

/**
 * The tables in functions/sandbox/iam/ map API calls to the rights that IAM judges them by. Every function calls the sandbox
 * with a key of its own, and the sandbox refuses what functions/clouds/aws/permissions.ts does not declare for it.
 */

/** Every action and every resource of a declared permission, as a line, with whether it was ever made use of. */
function linesOf({ by, permission, actions, resources }: Use): [string, boolean][] {
  const conditions = permission.conditions ? ` where ${JSON.stringify(permission.conditions)}` : ''
  const about = `${by}: ${permission.actions.join(', ')} on ${permission.resources.join(', ')}${conditions}`
  return [
    ...permission.actions.map((one): [string, boolean] => [`${about}: ${one}`, actions.has(one)]),
    ...permission.resources.map((one): [string, boolean] => [`${about}: ${one}`, resources.has(one)]),
  ]
}

test('every call that a server saw is granted by a declaration of its function, and every declared permission is used', {
  timeout: 240_000,
}, async t => {
  const declared = new Map<string, boolean>()
  const kinds = new Map<string, number>()
  const missing = new Set<string>()
  for (const [name, scene] of Object.entries(scenes)) {
    const { calls, uses } = await played(scene)
    for (const [line, used] of uses().flatMap(linesOf)) declared.set(line, used || (declared.get(line) ?? false))
    for (const call of calls.filter(({ by }) => by !== undefined)) {
      const kind = `${call.by} ${call.service} ${call.action}`
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1)
      if (call.refused !== undefined) missing.add(`${name}: ${call.refused}`)
    }
  }
  const unused = [...declared].filter(([, used]) => !used).map(([line]) => line)
  const calls = [...kinds.values()].reduce((sum, count) => sum + count, 0)
  t.diagnostic(
    `${calls} calls of ${kinds.size} kinds, ${declared.size} declared rights: ${missing.size} missing, ${unused.length} unused`,
  )
  assert.deepEqual({ missing: [...missing], unused }, { missing: [], unused: [] })
})
