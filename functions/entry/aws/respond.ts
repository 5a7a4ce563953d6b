import { BatchProcessor, EventType, processPartialResponse } from '@aws-lambda-powertools/batch'
import middy from '@middy/core'
import type { Context, SQSBatchResponse } from 'aws-lambda'
import * as z from 'zod'
import { InputError, reasonOf } from '../../core/errors.ts'
import { respond } from '../../core/respond.ts'
import type { Environment } from '../config.ts'
import { awsAdapters, systemClock } from './adapters.ts'
import { readOrder } from './lane.ts'
import { awsResponding, type RespondOptions } from './responding.ts'

const LaneRecord = z.looseObject({
  messageId: z.string(),
  body: z.string(),
  attributes: z.looseObject({ SenderId: z.string().optional() }).optional(),
})
const LaneEvent = z.object({ Records: z.array(LaneRecord).max(10) })

/** The function behind the findings queue: one message, one order. A failed one comes back and holds back only its own lane. */
export function createRespond(
  environment: Environment,
  { clock = systemClock, steps = all => all }: RespondOptions = {},
) {
  const adapters = awsAdapters('respond', environment, clock)
  const { ports } = awsResponding(adapters, environment)
  const { config, telemetry, deadLetters, log, metrics } = adapters
  const playbook = { ...ports, steps: steps(ports.steps) }
  const settings = {
    policy: config.policy,
    rules: config.rules,
    denial: {
      allowList: config.rules.allow.addresses,
      providerRanges: config.rules.providerRanges,
      proxies: config.proxies,
    },
  }

  async function onRecord(record: z.infer<typeof LaneRecord>, context: Context): Promise<void> {
    let order: ReturnType<typeof readOrder>
    try {
      order = readOrder(record.body, { senderId: record.attributes?.SenderId, findingsFrom: config.findingsFrom })
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      // It will not become readable: kept as a dead letter it holds back nobody's lane.
      metrics.count('OrderRejected')
      const bytes = Buffer.from(record.body)
      await deadLetters.put([
        { source: 'orders', position: `message ${record.messageId}`, reason: thrown.message, bytes },
      ])
      return
    }
    try {
      const invocation = { owner: context.awsRequestId, remaining: () => context.getRemainingTimeInMillis() }
      const incident = await respond(playbook, settings, order, invocation)
      if (incident) log.info('order handled', { kind: order.kind, incident: incident.id, state: incident.cut.state })
    } catch (thrown) {
      metrics.count('OrderFailed')
      log.warn('order failed and will be delivered again', { kind: order.kind, reason: reasonOf(thrown) })
      throw thrown
    }
  }

  return middy(async (event: unknown, context: Context): Promise<SQSBatchResponse> => {
    const lane = LaneEvent.parse(event)
    try {
      return await processPartialResponse(
        lane,
        (record: z.infer<typeof LaneRecord>) => onRecord(record, context),
        new BatchProcessor(EventType.SQS),
        {
          context,
          throwOnFullBatchFailure: false,
        },
      )
    } finally {
      telemetry.flush()
    }
  }).use(telemetry.middleware)
}
