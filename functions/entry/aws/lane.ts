import * as z from 'zod'
import { InputError, quoted } from '../../core/errors.ts'
import { Order } from '../../core/order.ts'

/** The longest message body that SQS takes, in bytes. */
const MAX_BODY = 1 << 20

/** Reads the order out of a lane's message. Throws `InputError`. */
export function readOrder(body: string): Order {
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
  return parsed.data
}
