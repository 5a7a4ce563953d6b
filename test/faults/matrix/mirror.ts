import * as z from 'zod'
import type { Deployment } from '../../../functions/cli/drill/deployment.ts'
import { ledgerTable } from '../../../functions/clouds/aws/ledger-table.ts'
import { type Message, type Moment, stateOf } from './moment.ts'

const Attributes = z.record(z.string(), z.unknown())
const Put = z.object({ TableName: z.string(), Item: Attributes })
const Delete = z.object({ TableName: z.string(), Key: Attributes })
const Send = z.object({
  QueueUrl: z.string(),
  MessageBody: z.string(),
  MessageGroupId: z.string().default(''),
  MessageDeduplicationId: z.string().default(''),
})

/**
 * Follows at the wire what the ledger and the lane hold, so that any moment can be told without asking: what was written is
 * known once it is answered, and whoever rests on it waits for that answer.
 */
export function createMirror(deployment: Deployment, start?: Moment) {
  const { sandbox, lane, clock, tracker } = deployment
  const items = new Map<string, unknown>(start?.items)
  const orders: Message[] = [...(start?.lane ?? [])]
  const sent = new Set(orders.map(({ MessageDeduplicationId }) => MessageDeduplicationId))
  const bodies = new Map<number, Buffer>()
  const change: Readonly<Record<string, (body: unknown) => void>> = {
    'dynamodb PutItem': body => {
      const { TableName, Item } = Put.parse(body)
      if (TableName === ledgerTable.TableName) items.set(keyOf(Item), Item)
    },
    'dynamodb DeleteItem': body => {
      const { TableName, Key } = Delete.parse(body)
      if (TableName === ledgerTable.TableName) items.delete(keyOf(Key))
    },
    'sqs SendMessage': body => {
      const { QueueUrl, ...message } = Send.parse(body)
      if (!sameQueue(QueueUrl, lane.queueUrl) || sent.has(message.MessageDeduplicationId)) return
      sent.add(message.MessageDeduplicationId)
      orders.push(message)
    },
    'sqs DeleteMessage': () => {
      orders.shift()
    },
  }
  const stops = [
    sandbox.intercept(({ n, service, action }, body) => {
      if (change[`${service} ${action}`]) bodies.set(n, body)
      return undefined
    }),
    sandbox.onAnswer(({ n, service, action, outcome }) => {
      const body = bodies.get(n)
      bodies.delete(n)
      if (body && outcome === 'ok') change[`${service} ${action}`]?.(JSON.parse(body.toString()))
    }),
  ]
  return {
    moment: (): Moment => ({
      now: clock.now(),
      cloud: stateOf(deployment),
      items: new Map(items),
      lane: [...orders],
      tickets: tracker.tickets(),
    }),
    stop: () => {
      for (const stop of stops) stop()
    },
  }
}

function keyOf(attributes: z.infer<typeof Attributes>): string {
  return JSON.stringify([attributes['pk'], attributes['sk']])
}

function sameQueue(one: string, other: string): boolean {
  return new URL(one).pathname === new URL(other).pathname
}
