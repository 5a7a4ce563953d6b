import { randomUUID } from 'node:crypto'
import { reasonOf } from '../core/errors.ts'
import type { Backend } from './backends.ts'

/** A function as its invoker sees it: the event in, what it returns out. */
export type Deployed = (event: unknown) => Promise<unknown>

/** `/2015-03-31/functions/NAME/invocations`, as Invoke has it; a name may come as an ARN. */
export function invokedFunction(path: string): string | undefined {
  const [, name] = /^\/2015-03-31\/functions\/([^/]{1,512})\/invocations(?:\?|$)/.exec(path) ?? []
  return name === undefined ? undefined : decodeURIComponent(name).split(':').at(-1)
}

/** Lambda's Invoke over functions of this process, one that waits for the answer. */
export function answerLambda(functions: ReadonlyMap<string, Deployed>): Backend['answer'] {
  return async ({ path = '/', body }) => {
    const headers = { 'content-type': 'application/json', 'x-amzn-requestid': randomUUID() }
    const name = invokedFunction(path)
    const invoke = name === undefined ? undefined : functions.get(name)
    if (!invoke) {
      const message = `Function not found: ${name ?? path}`
      return {
        status: 404,
        headers: { ...headers, 'x-amzn-errortype': 'ResourceNotFoundException' },
        body: Buffer.from(JSON.stringify({ Type: 'User', Message: message })),
      }
    }
    try {
      const answer = await invoke(JSON.parse(body.toString() || '{}'))
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
