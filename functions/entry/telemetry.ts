import { Logger } from '@aws-lambda-powertools/logger'
import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware'
import { Metrics as Emf, MetricUnit } from '@aws-lambda-powertools/metrics'
import type { Log, Metrics } from '../core/ports.ts'
import type { Environment } from './config.ts'

export interface Telemetry {
  readonly log: Log
  readonly metrics: Metrics
  readonly middleware: ReturnType<typeof injectLambdaContext>
  /** Writes the invocation's metrics out in one line. */
  flush(): void
}

const LEVELS = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'SILENT'] as const

/** Structured logs and metrics in the embedded metric format, on standard output as Lambda collects it. */
export function createTelemetry(service: string, environment: Environment): Telemetry {
  const level = LEVELS.find(one => one === environment['POWERTOOLS_LOG_LEVEL']) ?? 'INFO'
  const logger = new Logger({ serviceName: `firebreak-${service}`, logLevel: level })
  const emf = new Emf({ namespace: 'Firebreak', serviceName: service })
  const disabled = environment['POWERTOOLS_METRICS_DISABLED'] === 'true'
  return {
    log: {
      info: (message, fields = {}) => logger.info(message, fields),
      warn: (message, fields = {}) => logger.warn(message, fields),
      error: (message, fields = {}) => logger.error(message, fields),
    },
    metrics: {
      count(name, value = 1) {
        if (!disabled) emf.addMetric(name, MetricUnit.Count, value)
      },
    },
    // The event is never logged: its content is chosen by the intruder.
    middleware: injectLambdaContext(logger, { logEvent: false, resetKeys: true }),
    flush() {
      if (!disabled) emf.publishStoredMetrics()
    },
  }
}
