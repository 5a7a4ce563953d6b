import { createHash } from 'node:crypto'
import * as z from 'zod'
import { ConfigurationError, InputError, quoted, RetryableError, reasonOf } from '../../core/errors.ts'
import { type Environment, endpointOf } from './clients.ts'

/**
 * Lambda tells a function nothing of who invoked it. So whoever asks signs a GetCallerIdentity request of STS, and the function
 * has STS say whose signature that is, as aws-iam-authenticator and HashiCorp Vault's AWS method do. The signature covers a digest
 * of what is asked for: it is good for this request and no other, and for STS's quarter of an hour.
 */
export const Proof = z.strictObject({
  /** `X-Amz-Date`. */
  date: z.string().regex(/^\d{8}T\d{6}Z$/),
  authorization: z
    .string()
    .regex(
      /^AWS4-HMAC-SHA256 Credential=\w{1,128}\/\d{8}\/[a-z0-9-]{1,32}\/sts\/aws4_request, SignedHeaders=[a-z0-9;-]{1,512}, Signature=[0-9a-f]{64}$/,
      'a signature for STS',
    ),
  token: z.string().min(1).max(16_384).optional(),
})
export type Proof = z.infer<typeof Proof>

/** The header that binds a signature to what is asked for. */
const BINDING = 'x-firebreak-request'

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15'
const TIMEOUT_MS = 5000
const MAX_ANSWER = 65_536
/** As long as what stands in a journal. */
const MAX_NAME = 256

/** The request that is signed by the one side and sent by the other. */
export function identityRequest(environment: Environment, asked: unknown) {
  const url = new URL(stsEndpoint(environment))
  return {
    url,
    body: BODY,
    headers: {
      host: url.host,
      'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
      'x-amz-content-sha256': sha256(BODY),
      [BINDING]: sha256(JSON.stringify(asked)),
    },
  }
}

/** Regional, so that neither side ever signs or asks for another place. */
function stsEndpoint(environment: Environment): string {
  const region = environment['AWS_REGION'] ?? environment['AWS_DEFAULT_REGION']
  if (!region || !/^[a-z0-9-]{1,32}$/.test(region))
    throw new ConfigurationError(`Cannot ask STS: the Region is ${quoted(region ?? '')}`)
  return (
    endpointOf(environment, 'STS') ?? `https://sts.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}/`
  )
}

const Identity = z.object({
  GetCallerIdentityResponse: z.object({
    GetCallerIdentityResult: z.object({ Arn: z.string().startsWith('arn:'), UserId: z.string().max(128) }),
  }),
})

/** The ARN of whoever signed what was asked for. Throws `InputError` where STS knows nobody of that signature. */
export async function identify(environment: Environment, proof: Proof, asked: unknown): Promise<string> {
  const signed = /SignedHeaders=([^,]+)/.exec(proof.authorization)?.[1]?.split(';') ?? []
  // STS passes over a header that is not signed: then the signature would be good for anything.
  if (!signed.includes(BINDING)) throw new InputError(`Cannot tell who asks: the signature does not cover ${BINDING}`)
  const { url, body, headers } = identityRequest(environment, asked)
  let answer: Response
  let text: string
  try {
    answer = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        accept: 'application/json',
        'x-amz-date': proof.date,
        authorization: proof.authorization,
        ...(proof.token === undefined ? {} : { 'x-amz-security-token': proof.token }),
      },
      body,
      redirect: 'error',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    text = (await answer.text()).slice(0, MAX_ANSWER)
  } catch (cause) {
    throw new RetryableError(`Cannot tell who asks: STS does not answer: ${reasonOf(cause)}`, { cause })
  }
  if (answer.status >= 500 || answer.status === 429)
    throw new RetryableError(`Cannot tell who asks: STS answered ${answer.status}`)
  if (!answer.ok) throw new InputError(`Cannot tell who asks: STS refused the signature: ${quoted(errorIn(text))}`)
  const { Arn, UserId } = identityIn(text)
  // A user's path may be longer than a journal's name: his unique id is as good.
  return Arn.length > MAX_NAME ? `${Arn.split(':', 5).join(':')}:${UserId}` : Arn
}

function identityIn(text: string) {
  try {
    return Identity.parse(JSON.parse(text)).GetCallerIdentityResponse.GetCallerIdentityResult
  } catch (cause) {
    throw new RetryableError(`Cannot tell who asks: STS answered ${quoted(text)}`, { cause })
  }
}

const Failure = z.object({ Error: z.object({ Code: z.string(), Message: z.string().default('') }) })

function errorIn(text: string): string {
  try {
    const { Code, Message } = Failure.parse(JSON.parse(text)).Error
    return `${Code}: ${Message}`
  } catch {
    return text
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
