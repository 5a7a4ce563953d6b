import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda'
import * as z from 'zod'
import { ConfigurationError, DeniedError, InputError, quoted, reasonOf, UnreachableError } from '../../core/errors.ts'
import type { Request } from '../../core/operate.ts'
import { identityRequest, type Proof } from './caller.ts'
import { connection, type Environment } from './clients.ts'
import { codeOf } from './faults.ts'
import { aliasOf, OPERATE_FUNCTION } from './operating.ts'

/** Without who asks: that is signed. */
export type Unsigned = Request extends infer One ? (One extends Request ? Omit<One, 'by'> : never) : never

/** The function may take 30 s; a few more for the way. */
const REQUEST_TIMEOUT_MS = 35_000

const Thrown = z.object({ errorType: z.string().default('Error'), errorMessage: z.string().default('') })

/** Signs who asks, with the credentials of the client, for STS in the client's Region. */
export async function prove(client: LambdaClient, environment: Environment, asked: unknown): Promise<Proof> {
  const { url, headers, body } = identityRequest(environment, asked)
  const signer = await client.config.signer()
  const { protocol, hostname, port } = url
  const at = { protocol, hostname, ...(port === '' ? {} : { port: Number(port) }), path: '/' }
  const { headers: signed } = await signer.sign({ method: 'POST', ...at, headers, body }, { signingService: 'sts' })
  const token = signed['x-amz-security-token']
  return {
    date: signed['x-amz-date'] ?? '',
    authorization: signed['authorization'] ?? '',
    ...(token === undefined ? {} : { token }),
  }
}

/** What people have who stand at a terminal: the function `operate`, invoked with their own credentials. */
export function operateInvoker(environment: Environment) {
  const client = new LambdaClient(connection(environment, 'LAMBDA', { requestTimeout: REQUEST_TIMEOUT_MS }))
  const where = () => `in ${environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']}`

  return {
    /** Throws `InputError` for what operate refuses, `DeniedError` and `UnreachableError`. */
    async ask(request: Unsigned): Promise<unknown> {
      const alias = aliasOf(request.verb)
      try {
        const caller = alias === 'look' ? undefined : await prove(client, environment, request)
        const { FunctionError, Payload } = await client.send(
          new InvokeCommand({
            FunctionName: OPERATE_FUNCTION,
            Qualifier: alias,
            Payload: JSON.stringify(caller ? { ...request, caller } : request),
          }),
        )
        const text = Payload?.transformToString() ?? ''
        if (FunctionError === undefined) return parsed(text)
        throw failureOf(Thrown.parse(parsed(text)))
      } catch (thrown) {
        throw said(thrown, request.verb, `${OPERATE_FUNCTION}:${alias} ${where()}`)
      }
    },
    close: () => client.destroy(),
  }
}

function failureOf({ errorType, errorMessage }: z.infer<typeof Thrown>): Error {
  if (errorType === 'InputError') return new InputError(errorMessage)
  return new UnreachableError(
    /timed out/i.test(errorMessage)
      ? `Cannot get an answer of ${OPERATE_FUNCTION}: it ran out of time; see whether it did what was asked before it is asked again`
      : `${OPERATE_FUNCTION} failed: ${errorType}: ${errorMessage}`,
  )
}

const UNKNOWN_CALLER: ReadonlySet<string> = new Set([
  'UnrecognizedClientException',
  'ExpiredTokenException',
  'ExpiredToken',
  'InvalidSignatureException',
  'IncompleteSignatureException',
  'MissingAuthenticationTokenException',
])

/** What the SDK threw, as a person can act on it. */
function said(thrown: unknown, verb: Request['verb'], what: string): unknown {
  if ([InputError, DeniedError, UnreachableError, ConfigurationError].some(kind => thrown instanceof kind))
    return thrown
  const code = codeOf(thrown) ?? ''
  const name = thrown instanceof Error ? thrown.name : ''
  const options = { cause: thrown }
  if (name === 'CredentialsProviderError' || name === 'TokenProviderError')
    return new DeniedError(
      'Cannot ask without credentials: set AWS_PROFILE or the AWS_ACCESS_KEY_ID of the account that Firebreak runs in',
      options,
    )
  if (code === 'AccessDeniedException' || code === 'AccessDenied')
    return new DeniedError(`Cannot ${verb}: these credentials have no lambda:InvokeFunction on ${what}`, options)
  if (UNKNOWN_CALLER.has(code))
    return new DeniedError(`Cannot ${verb}: AWS does not accept these credentials (${code}); sign in again`, options)
  if (code === 'ResourceNotFoundException')
    return new UnreachableError(
      `Cannot ${verb}: there is no function ${what} in the account of these credentials; is Firebreak deployed there?`,
      options,
    )
  return new UnreachableError(`Cannot get an answer of ${what}: ${reasonOf(thrown)}`, options)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new UnreachableError(`Cannot read the answer of ${OPERATE_FUNCTION}: it is not JSON but ${quoted(text)}`, {
      cause,
    })
  }
}
