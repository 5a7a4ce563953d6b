import { createHash, createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import type { Answer, Backend, Request } from './backends.ts'
import type { Cloud } from './cloud.ts'

/** Of every access key, as `environment` gives it out. */
export const SECRET = 'sandbox'

/** Minutes by which a signature may be older or newer than now (IAM User Guide, "Signature Version 4 for API requests"). */
const LATEST_MINUTES = 15

/**
 * STS, which says who signed a GetCallerIdentity request, in JSON as `accept` asks for it. Unlike the other services it checks
 * the signature: that is what it is asked for. `nameOf`: the name of whoever was admitted under an access key.
 */
export function answerSts(cloud: Cloud, nameOf: (accessKey: string) => string | undefined): Backend['answer'] {
  return async asked => {
    const { authorization = '' } = asked.headers
    const [, accessKey = ''] = /Credential=([^/]+)\//.exec(authorization) ?? []
    if (!asked.body.toString().startsWith('Action=GetCallerIdentity&'))
      return answer(400, failure('InvalidAction', 'Could not find the operation for version 2011-06-15'))
    if (!isRecent(asked.headers['x-amz-date']))
      return answer(403, failure('SignatureDoesNotMatch', 'Signature expired'))
    if (!isSigned(asked)) {
      const message = 'The request signature we calculated does not match the signature you provided.'
      return answer(403, failure('SignatureDoesNotMatch', message))
    }
    const session = cloud.sessions?.get(accessKey)
    const who = session ? `assumed-role/${session.role}/${session.instance}` : `user/${nameOf(accessKey) ?? 'sandbox'}`
    const Arn = `arn:aws:${session ? 'sts' : 'iam'}::${cloud.account}:${who}`
    return answer(200, {
      GetCallerIdentityResponse: {
        GetCallerIdentityResult: { Account: cloud.account, Arn, UserId: accessKey },
        ResponseMetadata: { RequestId: randomUUID() },
      },
    })
  }
}

function answer(status: number, tree: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(tree)) }
}

function failure(Code: string, Message: string) {
  return { Error: { Code, Message, Type: 'Sender' }, RequestId: randomUUID() }
}

/** By the real time: whoever signs has no other. */
function isRecent(date = ''): boolean {
  const at = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'))
  return Math.abs(Date.now() - at) <= LATEST_MINUTES * 60_000
}

/** AWS Signature Version 4 (IAM User Guide, "Create a signed AWS API request"). */
function isSigned({ method = 'POST', path = '/', headers, body }: Request): boolean {
  const [, scope = '', signed = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      headers['authorization'] ?? '',
    ) ?? []
  const lines = signed.split(';').map(name => `${name}:${(headers[name] ?? '').trim().replaceAll(/ +/g, ' ')}\n`)
  const canonical = [method, path, '', lines.join(''), signed, digest(body)].join('\n')
  const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, digest(canonical)].join('\n')
  const key = scope.split('/').reduce<string | Buffer>((under, part) => hmac(under, part), `AWS4${SECRET}`)
  const own = hmac(key, text).toString('hex')
  return own.length === signature.length && timingSafeEqual(Buffer.from(own), Buffer.from(signature))
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

function digest(bytes: string | Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
