import type { Service } from './calls.ts'

/**
 * `throttle`: refused before anything is done. `drop`: the connection breaks before anything is done.
 * `error-after-effect`: carried out, and answered with an internal error. `drop-after-effect`: carried out, and the
 * connection breaks.
 */
export type FaultKind = 'throttle' | 'drop' | 'error-after-effect' | 'drop-after-effect'

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
  route53resolver: { code: 'ThrottlingException', status: 400 },
}

const FAILURES: Readonly<Record<Service, Refused>> = {
  ec2: { code: 'InternalError', status: 500 },
  dynamodb: { code: 'InternalServerError', status: 500 },
  sqs: { code: 'InternalFailure', status: 500 },
  iam: { code: 'ServiceFailure', status: 500 },
  autoscaling: { code: 'InternalFailure', status: 500 },
  elasticloadbalancing: { code: 'InternalFailure', status: 500 },
  lambda: { code: 'ServiceException', status: 500 },
  route53resolver: { code: 'InternalServiceErrorException', status: 500 },
}

export function throttleOf(service: Service): Refused {
  return THROTTLES[service]
}

export function failureOf(service: Service): Refused {
  return FAILURES[service]
}

/** Faults to come, by service and action; `*` is any action. The first that fits is used up. */
export function createFaults() {
  const coming: { service: Service; action: string; left: number; kind: FaultKind }[] = []
  return {
    add(service: Service, action: string, times: number, kind: FaultKind): void {
      coming.push({ service, action, left: times, kind })
    },
    take(service: Service, action: string): FaultKind | undefined {
      const found = coming.find(
        one => one.left > 0 && one.service === service && (one.action === '*' || one.action === action),
      )
      if (found) found.left -= 1
      return found?.kind
    },
  }
}
