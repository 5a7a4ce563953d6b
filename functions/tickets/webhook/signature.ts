import { createHmac } from 'node:crypto'

/**
 * HMAC-SHA256 over `timestamp.body`, as lower-case hex behind the scheme's name. The time is signed with the body so that a
 * recorded request cannot be sent again later. `timestamp` in seconds since the epoch.
 */
export function sign(secret: string, timestamp: number, body: string): string {
  return `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
}
