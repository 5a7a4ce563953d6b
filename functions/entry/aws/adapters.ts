import { awsClients } from '../../clouds/aws/clients.ts'
import { sqsDeadLetters } from '../../clouds/aws/dead-letters.ts'
import { dynamoLedger } from '../../clouds/aws/ledger.ts'
import { sqsQueue } from '../../clouds/aws/queue.ts'
import type { Clock } from '../../core/ports.ts'
import { type Environment, readConfig } from '../config.ts'
import { createTelemetry } from '../telemetry.ts'

/** What every AWS function stands on. Clients are made at their first use and live as long as the function's process. */
export function awsAdapters(service: string, environment: Environment, clock: Clock) {
  const config = readConfig(environment)
  const telemetry = createTelemetry(service, environment)
  const clients = awsClients(environment)
  return {
    config,
    telemetry,
    clock,
    log: telemetry.log,
    metrics: telemetry.metrics,
    ledger: dynamoLedger(clients.documents, clock, { table: config.table }),
    queue: sqsQueue(clients.sqs, telemetry.log, { url: config.queue }),
    deadLetters: sqsDeadLetters(clients.sqs, { url: config.deadLetters }),
    /** Closes idle connections, so that a process that is no Lambda can end. */
    close: clients.destroy,
  }
}

export const systemClock: Clock = { now: Date.now }
