import { nothing } from '../http/answer.ts'
import { Refusal } from '../http/failure.ts'
import type { Session } from '../http/session.ts'
import { Standing, Transitions } from './schema.ts'

/** Closes the issue as its workflow lets it; what a person has to do where that fails. `path`: the issue's. */
export async function transition(
  session: Session,
  path: string,
  reference: string,
  name: string | undefined,
): Promise<string[]> {
  const byHand = `${reference} stays open: close it by hand, or name a transition as closeTransition`
  const standing = await session.json(Standing, { method: 'get', path, query: { fields: 'status' }, repeatable: true })
  if (standing.fields.status.statusCategory.key === 'done') return []
  const { transitions } = await session.json(Transitions, {
    method: 'get',
    path: `${path}/transitions`,
    repeatable: true,
  })
  const fit = transitions.find(one => (name === undefined ? one.to.statusCategory.key === 'done' : one.name === name))
  if (!fit) return [`${byHand}; none fits of those that Jira offers`]
  try {
    const json = { transition: { id: fit.id } }
    // Asked twice it would be refused: it is looked at anew by the next try.
    await session.read({ method: 'post', path: `${path}/transitions`, json, repeatable: false }, nothing)
    return []
  } catch (thrown) {
    // The workflow asks for fields that nobody told Firebreak of.
    if (thrown instanceof Refusal && thrown.status === 400) return [`${byHand}: ${thrown.message}`]
    throw thrown
  }
}
