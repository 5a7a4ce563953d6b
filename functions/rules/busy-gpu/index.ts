import type { LoadView, Rule } from '../../core/rule.ts'
import { shown } from '../../core/rule-signals.ts'

const author = { id: 'busy-gpu', technique: 'T1496.001' }

const DAY_MINUTES = 1440
/** What was busy an hour ago still stands beside what is seen now: logs come late, and alarms go out late. */
const HEARD_FOR = 3600

/**
 * A GPU that is busy while no job is scheduled, by the account's own alarm. Only where the operator says when jobs run: what
 * a training instance's GPU does at its work is no sign. It makes no case and is cut for by nobody.
 */
export const busyGpu: Rule = {
  ...author,
  title: 'GPU busy without a scheduled job',
  severity: 'medium',
  falsePositives: [
    'A job that somebody started by hand or that overran its hours: write them into rules.host.jobs',
    'An alarm whose threshold lies below what the driver or a display takes',
  ],
  runbook: [
    'List the processes on the GPU (nvidia-smi) and what started each',
    'Compare with the scheduler: which job holds the instance, if any',
  ],
  judge({ loads, now, settings: { host, points } }) {
    const { jobs, busyMinutes } = host
    if (jobs === undefined) return []
    const unscheduled = loads
      .filter(({ of, until }) => of === 'gpu' && (until ?? now) >= now - HEARD_FOR)
      .map(load => ({ ...load, minutes: minutesOutside(load, jobs, now) }))
      .filter(({ minutes }) => minutes >= busyMinutes)
    // Several alarms on one instance's GPUs are one fact.
    const [most] = unscheduled.toSorted((a, b) => b.minutes - a.minutes || (a.alarm < b.alarm ? -1 : 1))
    if (!most) return []
    const { alarm, from, until, minutes } = most
    return [
      {
        rule: author.id,
        family: 'host',
        points: points.busyGpu,
        technique: author.technique,
        first: from,
        last: until ?? from,
        detail: `GPU busy by alarm ${shown(alarm)}, of the last day ${minutes} minutes without a scheduled job`,
      },
    ]
  },
}

/** Of the last day that the load lasted, the minutes in no job's hours. */
function minutesOutside({ from, until }: LoadView, jobs: readonly string[], now: number): number {
  const spans = jobs.map(spanOf)
  const end = Math.floor((until ?? now) / 60)
  let minutes = 0
  for (let minute = Math.max(Math.ceil(from / 60), end - DAY_MINUTES); minute < end; minute++) {
    const at = minute % DAY_MINUTES
    if (!spans.some(([begins, ends]) => (begins < ends ? at >= begins && at < ends : at >= begins || at < ends)))
      minutes++
  }
  return minutes
}

function spanOf(hours: string): readonly [number, number] {
  const [begins = 0, ends = 0] = hours.split('-').map(time => {
    const [hour = 0, minute = 0] = time.split(':').map(Number)
    return hour * 60 + minute
  })
  return [begins, ends]
}
