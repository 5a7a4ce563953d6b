import { randomUUID } from 'node:crypto'
import { reasonOf } from '../core/errors.ts'
import type { Backend } from './backends.ts'

/** A function as its invoker sees it: the event in, what it returns out. `alias`: under which it is invoked, if under one. */
export type Deployed = (event: unknown, alias: string | undefined) => Promise<unknown>

export interface Served {
  readonly handler: Deployed
  readonly aliases: readonly string[]
}

/** `/2015-03-31/functions/NAME/invocations`, as Invoke has it; a name may come as an ARN. */
export function invokedFunction(path: string): string | undefined {
  const [, name] = /^\/2015-03-31\/functions\/([^/]{1,512})\/invocations(?:\?|$)/.exec(path) ?? []
  return name === undefined ? undefined : decodeURIComponent(name).split(':').at(-1)
}

/** Of the query, as Invoke has it. */
export function invokedAlias(path: string): string | undefined {
  const query = path.indexOf('?')
  return query < 0 ? undefined : (new URLSearchParams(path.slice(query)).get('Qualifier') ?? undefined)
}

/** Lambda's Invoke over functions of this process, one that waits for the answer. */
export function answerLambda(functions: ReadonlyMap<string, Served>): Backend['answer'] {
  return async ({ path = '/', body }) => {
    const headers = { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() }
    const name = invokedFunction(path)
    const alias = invokedAlias(path)
    const served = name === undefined ? undefined : functions.get(name)
    if (!served || (alias !== undefined && !served.aliases.includes(alias))) {
      const message = `Function not found: ${name ?? path}${alias === undefined ? '' : `:${alias}`}`
      return {
        status: 404,
        headers: { ...headers, 'x-amzn-errortype': 'ResourceNotFoundException' },
        body: Buffer.from(JSON.stringify({ Type: 'User', Message: message })),
      }
    }
    try {
      const answer = await served.handler(JSON.parse(body.toString() || '{}'), alias)
      return { status: 200, headers, body: Buffer.from(JSON.stringify(answer ?? null)) }
    } catch (thrown) {
      const [errorType = 'Error', ...rest] = reasonOf(thrown).split(': ')
      return {
        status: 200,
        headers: { ...headers, 'x-amz-function-error': 'Unhandled' },
        body: Buffer.from(JSON.stringify({ errorType, errorMessage: rest.join(': ') })),
      }
    }
  }
}
