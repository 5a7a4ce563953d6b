import * as z from 'zod'
import type { Load } from '../../core/flow.ts'
import type { EventSource } from '../../core/source.ts'
import { parseRecord, seconds } from '../envelopes/fields.ts'
import { instanceOf } from '../envelopes/finding-types.ts'

const WHAT = 'alarm event'

const Metric = z.object({
  namespace: z.string().max(256).nullish(),
  name: z.string().max(256),
  dimensions: z.record(z.string(), z.string()).nullish(),
})

/** The detail of "CloudWatch Alarm State Change" (CloudWatch User Guide, "Alarm events and EventBridge"). */
const Detail = z.object({
  alarmName: z.string().min(1).max(256),
  state: z.object({ value: z.string().max(32), timestamp: seconds.optional() }),
  configuration: z.object({
    metrics: z
      .array(z.object({ metricStat: z.object({ metric: Metric }).nullish() }))
      .max(100)
      .nullish(),
  }),
})

/**
 * Alarms of the account on an instance's processors: the metric is the instance's own, by its `InstanceId` dimension, and
 * its name says GPU or CPU. Other alarms are passed over.
 */
export const awsAlarm: EventSource = {
  id: 'aws-alarm',
  takes: ({ source, type }) => source === 'aws.cloudwatch' && type === 'CloudWatch Alarm State Change',
  decode(event, sink) {
    const { alarmName: alarm, state, configuration } = parseRecord(Detail, event.detail, WHAT)
    // INSUFFICIENT_DATA says neither.
    if (state.value !== 'ALARM' && state.value !== 'OK') return
    const time = Math.floor(state.timestamp ?? event.time)
    const seen = new Set<string>()
    for (const { metricStat } of configuration.metrics ?? []) {
      const of = processorOf(metricStat?.metric.name ?? '')
      const instance = instanceOf(metricStat?.metric.dimensions?.['InstanceId'])
      if (of === undefined || instance === undefined || seen.has(`${instance} ${of}`)) continue
      seen.add(`${instance} ${of}`)
      sink.load?.({ instance, of, busy: state.value === 'ALARM', alarm, time })
    }
  },
}

/** `nvidia_smi_utilization_gpu` of the CloudWatch agent, `GPUUtilization`, `CPUUtilization`, `cpu_usage_active`. */
function processorOf(metric: string): Load['of'] | undefined {
  const name = metric.toLowerCase()
  if (name.includes('gpu') || name.includes('nvidia')) return 'gpu'
  return name.includes('cpu') ? 'cpu' : undefined
}
