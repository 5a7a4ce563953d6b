import * as z from 'zod'
import { operateInvoker, type Unsigned } from '../../clouds/aws/operate-invoker.ts'
import { Halted, Listed, Queued, Shown } from '../../core/answers.ts'
import { InputError, quoted, UnreachableError } from '../../core/errors.ts'

/** The deployment on the account that the environment's credentials name, through its function `operate` and by no other way. */
export interface Deployment {
  list(all: boolean): Promise<Listed>
  /** With its whole journal, or what came after an entry. */
  show(id: string, after?: number): Promise<Shown>
  /** Puts an order into the lane. */
  order(request: Extract<Unsigned, { verb: 'drill' | 'approve' | 'release' }>): Promise<Queued>
  halt(request: Extract<Unsigned, { verb: 'halt' | 'resume' }>): Promise<Halted>
}

/** Runs what asks the deployment, and closes the connection behind it. */
export async function withDeployment<T>(run: (deployment: Deployment) => Promise<T>): Promise<T> {
  const { ask, close } = operateInvoker(process.env)
  async function answer<A>(shape: z.ZodType<A>, request: Unsigned): Promise<A> {
    const { data, error } = shape.safeParse(await ask(request))
    if (error)
      throw new UnreachableError(
        `Cannot read the answer of the deployment: is it of another version? ${z.prettifyError(error)}`,
      )
    return data
  }
  try {
    return await run({
      list: all => answer(Listed, { verb: 'list', all }),
      async show(id, after = 0) {
        const first = await answer(Shown, { verb: 'show', id: known(id), after })
        const journal = [...first.journal]
        const unreadable = [...first.unreadable]
        for (let { more } = first; more; ) {
          const from = Math.max(after, journal.at(-1)?.sequence ?? 0, unreadable.at(-1)?.sequence ?? 0)
          const next: Shown = await answer(Shown, { verb: 'show', id: first.incident.id, after: from })
          if (next.journal.length + next.unreadable.length === 0)
            throw new UnreachableError(`Cannot read the journal of ${quoted(id)}: it has more entries and none comes`)
          journal.push(...next.journal)
          unreadable.push(...next.unreadable)
          more = next.more
        }
        return { ...first, journal, unreadable, more: false }
      },
      order: request => answer(Queued, request),
      halt: request => answer(Halted, request),
    })
  } finally {
    close()
  }
}

/** Refused here, before anybody is asked. */
function known(id: string): string {
  if (/^(?:fb-[0-9a-f]{16}|i-[0-9a-f]{8,17})$/.test(id)) return id
  throw new InputError(
    `Cannot ask about ${quoted(id)}: it is neither an incident, as fb-0123456789abcdef, nor an instance, as i-0123456789abcdef0`,
  )
}
