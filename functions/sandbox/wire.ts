import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { AUTOSCALING_NAMESPACE } from './autoscaling/server.ts'
import type { Answer, Backend, Request } from './backends.ts'
import { balancingNamespace } from './balancing/server.ts'
import { ec2Call, isService, jsonOutcome, jsonTarget, queryCall, type Service } from './calls.ts'
import { errorXml, queryErrorXml } from './ec2/xml.ts'
import type { Refused } from './faults.ts'
import { IAM_NAMESPACE } from './iam/server.ts'
import { invokedFunction } from './invocations.ts'
import { objectRequest } from './s3/requests.ts'
import { s3Refusal } from './s3/server.ts'

/** The namespaces of the services that speak the Query protocol as EC2 does not. */
const NAMESPACES: Partial<Record<Service, string>> = {
  iam: IAM_NAMESPACE,
  autoscaling: AUTOSCALING_NAMESPACE,
  elasticloadbalancing: balancingNamespace('2015-12-01'),
}

/** DynamoDB takes at most 16 MB; nothing else takes as much. */
const MAX_BODY = 16 * 1024 * 1024

type XmlAnswer = Readonly<{ status: number; requestId: string; body: string }>

export function answerQuery(answer: (body: string) => XmlAnswer): Backend['answer'] {
  return async asked => {
    const { status, requestId, body } = answer(asked.body.toString())
    return xmlAnswer(status, requestId, body)
  }
}

function xmlAnswer(status: number, requestId: string, body: string): Answer {
  const headers = { 'content-type': 'text/xml;charset=UTF-8', 'x-amzn-requestid': requestId }
  return { status, headers, body: Buffer.from(body) }
}

export function refusal(
  service: Service,
  { code, status }: Refused,
  message = 'The sandbox was told to fail.',
): Answer {
  const requestId = randomUUID()
  if (service === 'ec2') return xmlAnswer(status, requestId, errorXml(code, message, requestId))
  if (service === 's3') return s3Refusal(status, code, message)
  const namespace = NAMESPACES[service]
  if (namespace !== undefined) return xmlAnswer(status, requestId, queryErrorXml(namespace, code, message, requestId))
  return {
    status,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': requestId, 'x-amzn-errortype': code },
    body: Buffer.from(JSON.stringify({ __type: `com.amazonaws.${service}#${code}`, message })),
  }
}

export function outcomeOf(service: Service, answer: Answer | undefined): string {
  if (!answer) return 'dropped'
  if (service === 'lambda' && answer.status < 300) return answer.headers['x-amz-function-error'] ?? 'ok'
  if (service !== 'ec2' && service !== 's3' && NAMESPACES[service] === undefined)
    return jsonOutcome(answer.status, answer.body)
  return answer.status < 300
    ? 'ok'
    : (/<Code>([^<]{1,100})<\/Code>/.exec(answer.body.toString())?.[1] ?? `HTTP ${answer.status}`)
}

export function describe(service: Service, { method = 'POST', headers, body, path = '/' }: Request) {
  if (service === 's3') {
    const { action, bucket, key } = objectRequest(method, path)
    return { action, target: `${bucket}/${key}` }
  }
  if (service === 'ec2') return ec2Call(body.toString())
  if (NAMESPACES[service] !== undefined) return queryCall(body.toString())
  if (service === 'lambda') return { action: 'Invoke', target: invokedFunction(path) }
  if (service === 'sts') return queryCall(body.toString())
  const action = headers['x-amz-target'] ?? ''
  return { action: action.slice(action.lastIndexOf('.') + 1), target: jsonTarget(body) }
}

/** `Credential=KEY/DATE/REGION/SERVICE/aws4_request` of Signature Version 4. The signature itself is not checked. */
export function signedFor(authorization: string | undefined): [Service | undefined, string] {
  const scope = /Credential=([^,\s]{1,256})/.exec(authorization ?? '')?.[1]?.split('/') ?? []
  const service = scope.at(-1) === 'aws4_request' ? scope.at(-2) : undefined
  return [isService(service) ? service : undefined, scope[0] ?? '']
}

export function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => (typeof value === 'string' ? [[name, value]] : [])),
  )
}

/** `undefined` for one that is too long, which is read to its end and thrown away. */
export async function readBody(incoming: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of incoming) {
    length += chunk.length
    if (length <= MAX_BODY) chunks.push(chunk)
  }
  return length <= MAX_BODY ? Buffer.concat(chunks) : undefined
}
