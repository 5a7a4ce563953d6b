import type { LambdaClient } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import { quoted } from '../../core/errors.ts'
import { type ClientOptions, connection, type Environment } from './clients.ts'
import { REVOKE_FUNCTION, type Revoke, RevokeAnswer } from './revocation.ts'

/** As Lambda words what a function threw. */
const Thrown = z.object({ errorType: z.string().default('Error'), errorMessage: z.string().default('') })

/** `revoke` runs with a role of its own, so that respond needs no right in IAM. Asking twice is harmless. */
export function revokeInvoker(environment: Environment, options: ClientOptions = {}): Revoke {
  let client: LambdaClient | undefined
  return async (request, signal) => {
    const { InvokeCommand, LambdaClient } = await import('./sdk/lambda.ts')
    client ??= new LambdaClient(connection(environment, 'LAMBDA', { requestTimeout: 30_000, ...options }))
    const { FunctionError, Payload } = await client.send(
      new InvokeCommand({ FunctionName: REVOKE_FUNCTION, Payload: JSON.stringify(request) }),
      { abortSignal: signal },
    )
    const text = Payload?.transformToString() ?? ''
    if (FunctionError !== undefined) {
      const { errorType, errorMessage } = Thrown.parse(parsed(text))
      throw new Error(`${REVOKE_FUNCTION} failed: ${errorType}: ${errorMessage}`)
    }
    return RevokeAnswer.parse(parsed(text))
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error(`Cannot read the answer of ${REVOKE_FUNCTION}: it is not JSON but ${quoted(text)}`, { cause })
  }
}
