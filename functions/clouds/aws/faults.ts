/** What went wrong with a request, in AWS's words. */
export function codeOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.name : ''
}

const THROTTLES: ReadonlySet<string> = new Set([
  'RequestLimitExceeded',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'RequestThrottled',
  'EC2ThrottledException',
  'ProvisionedThroughputExceededException',
  'LimitExceededException',
])

/** The request was refused before anything was done. */
export function isThrottle(thrown: unknown): boolean {
  return THROTTLES.has(codeOf(thrown))
}

/** Of the answer, where there was one. */
export function statusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('$metadata' in thrown)) return undefined
  const metadata = thrown.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('httpStatusCode' in metadata)) return undefined
  return typeof metadata.httpStatusCode === 'number' ? metadata.httpStatusCode : undefined
}

/** No answer, or one that does not say whether the request was carried out. */
export function isUnknownOutcome(thrown: unknown): boolean {
  if (isThrottle(thrown)) return false
  const status = statusOf(thrown)
  if (status !== undefined) return status >= 500
  return ['AbortError', 'TimeoutError'].includes(codeOf(thrown)) || isSocketError(thrown)
}

/** As node names what went wrong below HTTP: ECONNRESET, EPIPE, EAI_AGAIN; ERR_ are errors of the caller's. */
function isSocketError(thrown: unknown): boolean {
  if (!(thrown instanceof Error) || !('code' in thrown) || typeof thrown.code !== 'string') return false
  return thrown.code.startsWith('E') && !thrown.code.startsWith('ERR_')
}

/** How often the SDK sent the request; `undefined` where it does not say. */
export function attemptsOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('$metadata' in thrown)) return undefined
  const metadata = thrown.$metadata
  if (typeof metadata !== 'object' || metadata === null || !('attempts' in metadata)) return undefined
  return typeof metadata.attempts === 'number' ? metadata.attempts : undefined
}
