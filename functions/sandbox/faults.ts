import type { Call, Service } from './calls.ts'

/**
 * Before anything is done: `throttle`, `error` (an internal one) and `denied` are refusals, of a `drop` the connection breaks,
 * and `unheard` is never answered. Carried out all the same: `error-after-effect` is answered with an internal error, of a
 * `drop-after-effect` the connection breaks, and `unanswered` is never answered. `late`: carried out only once the caller has
 * given up waiting.
 */
export type FaultKind =
  | 'throttle'
  | 'error'
  | 'denied'
  | 'drop'
  | 'unheard'
  | 'error-after-effect'
  | 'drop-after-effect'
  | 'unanswered'
  | 'late'

/** Says of a call that has come and was not carried out yet what is to go wrong with it. */
export type Interceptor = (call: Call, body: Buffer) => FaultKind | undefined

/** What somebody who asks is told, fault by fault. */
export interface Answers<T> {
  throttle(): T
  error(): T
  denied(): T
}

/** Carries a call out as far as the fault lets it. `undefined`: the connection breaks. */
export async function suffer<T>(
  kind: FaultKind | undefined,
  answers: Answers<T>,
  carryOut: () => Promise<T>,
  givenUp: () => Promise<unknown>,
): Promise<T | undefined> {
  if (kind === 'throttle' || kind === 'error' || kind === 'denied') return answers[kind]()
  if (kind === 'drop') return undefined
  if (kind === 'late' || kind === 'unheard') await givenUp()
  if (kind === 'unheard') return undefined
  const answer = await carryOut()
  if (kind === 'unanswered') await givenUp()
  if (kind === 'error-after-effect') return answers.error()
  return kind === 'drop-after-effect' || kind === 'unanswered' ? undefined : answer
}

export interface Refused {
  code: string
  status: number
}

const THROTTLES: Readonly<Record<Service, Refused>> = {
  ec2: { code: 'RequestLimitExceeded', status: 503 },
  dynamodb: { code: 'ThrottlingException', status: 400 },
  sqs: { code: 'RequestThrottled', status: 403 },
  iam: { code: 'Throttling', status: 400 },
  autoscaling: { code: 'Throttling', status: 400 },
  elasticloadbalancing: { code: 'Throttling', status: 400 },
  lambda: { code: 'TooManyRequestsException', status: 429 },
  sts: { code: 'Throttling', status: 400 },
  route53resolver: { code: 'ThrottlingException', status: 400 },
  logs: { code: 'ThrottlingException', status: 400 },
  s3: { code: 'SlowDown', status: 503 },
}

const FAILURES: Readonly<Record<Service, Refused>> = {
  ec2: { code: 'InternalError', status: 500 },
  dynamodb: { code: 'InternalServerError', status: 500 },
  sqs: { code: 'InternalFailure', status: 500 },
  iam: { code: 'ServiceFailure', status: 500 },
  autoscaling: { code: 'InternalFailure', status: 500 },
  elasticloadbalancing: { code: 'InternalFailure', status: 500 },
  lambda: { code: 'ServiceException', status: 500 },
  sts: { code: 'InternalFailure', status: 500 },
  route53resolver: { code: 'InternalServiceErrorException', status: 500 },
  logs: { code: 'ServiceUnavailableException', status: 500 },
  s3: { code: 'InternalError', status: 500 },
}

const DENIALS: Readonly<Record<Service, Refused>> = {
  ec2: { code: 'UnauthorizedOperation', status: 403 },
  dynamodb: { code: 'AccessDeniedException', status: 400 },
  sqs: { code: 'AccessDenied', status: 403 },
  iam: { code: 'AccessDenied', status: 403 },
  autoscaling: { code: 'AccessDenied', status: 403 },
  elasticloadbalancing: { code: 'AccessDenied', status: 403 },
  lambda: { code: 'AccessDeniedException', status: 403 },
  sts: { code: 'AccessDenied', status: 403 },
  route53resolver: { code: 'AccessDeniedException', status: 400 },
  logs: { code: 'AccessDeniedException', status: 400 },
  s3: { code: 'AccessDenied', status: 403 },
}

export function denialOf(service: Service): Refused {
  return DENIALS[service]
}

export function throttleOf(service: Service): Refused {
  return THROTTLES[service]
}

export function failureOf(service: Service): Refused {
  return FAILURES[service]
}

/** Faults to come: what an interceptor says goes first, then those by service and action, of which the first that fits is used up. */
export function createFaults() {
  const coming: { service: Service; action: string; left: number; kind: FaultKind }[] = []
  const interceptors = new Set<Interceptor>()
  return {
    /** `*` is any action. */
    add(service: Service, action: string, times: number, kind: FaultKind): void {
      coming.push({ service, action, left: times, kind })
    },
    /** Returns what takes the interceptor away. */
    intercept(interceptor: Interceptor): () => void {
      interceptors.add(interceptor)
      return () => interceptors.delete(interceptor)
    },
    take(call: Call, body: Buffer): FaultKind | undefined {
      for (const interceptor of interceptors) {
        const kind = interceptor(call, body)
        if (kind !== undefined) return kind
      }
      const found = coming.find(
        one => one.left > 0 && one.service === call.service && (one.action === '*' || one.action === call.action),
      )
      if (found) found.left -= 1
      return found?.kind
    },
  }
}
