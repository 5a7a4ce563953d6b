import * as z from 'zod'
import { InputError, quoted } from '../../core/errors.ts'
import { Order } from '../../core/order.ts'

/** The longest message body that SQS takes, in bytes. */
const MAX_BODY = 1 << 20

export interface Sender {
  /** As SQS says, which the sender cannot choose. */
  readonly senderId?: string | undefined
  /** The id of watch's role; without it findings are taken from whoever may send. */
  readonly findingsFrom?: string | undefined
}

/**
 * Reads the order out of a lane's message. Throws `InputError`, also for a finding that somebody else than watch sent: who may
 * send to the queue must not be able to make one up. A drill is operate's, and cuts only what bears the drill tag.
 */
export function readOrder(body: string, { senderId, findingsFrom }: Sender = {}): Order {
  if (body.length > MAX_BODY)
    throw new InputError(`Cannot read order: the message has ${body.length} characters, ${MAX_BODY} are allowed`)
  let json: unknown
  try {
    json = JSON.parse(body)
  } catch (cause) {
    throw new InputError(`Cannot read order: the message is not JSON but ${quoted(body)}`, { cause })
  }
  const parsed = Order.safeParse(json)
  if (!parsed.success) throw new InputError(`Cannot read order: ${z.prettifyError(parsed.error)}`)
  const order = parsed.data
  const isReal = order.kind === 'finding' && !order.finding.drill
  if (isReal && findingsFrom !== undefined && roleOf(senderId) !== findingsFrom)
    throw new InputError(`Cannot take finding: its sender is ${quoted(senderId ?? '')} and not watch`)
  return order
}

/** For a role SQS says `<role id>:<session name>` (SQS API Reference, ReceiveMessage); the session's name is its user's choice. */
function roleOf(senderId: string | undefined): string | undefined {
  return senderId?.split(':', 1)[0]
}
