import type { Incident } from './incident.ts'
import { withLines } from './incident-store.ts'
import type { Traffic } from './traffic.ts'

/**
 * Says so once where bytes pass in a flow-log window that begins later than the deadline after the cut's last change. By
 * then every deny has had its time: what is left is to stop the instance, or a person. `deadline` in milliseconds.
 */
export function escalate(incident: Incident, traffic: Traffic, now: number, deadline: number): Incident {
  const { at } = incident.cut
  if (at === undefined || incident.escalated) return incident
  const since = Math.ceil((at + deadline) / 1000)
  const passing = traffic.windows.filter(({ start, acceptedBytes }) => start >= since && acceptedBytes > 0)
  if (passing.length === 0) return incident
  const bytes = passing.reduce((sum, { acceptedBytes }) => sum + acceptedBytes, 0)
  const on = [...new Set(passing.map(one => one.interface))].toSorted().join(', ')
  const last = new Date(Math.max(...passing.map(({ end }) => end)) * 1000).toISOString()
  const reason = `${bytes} bytes passed on ${on} more than ${Math.round(deadline / 60_000)} minutes after the cut, the last at ${last}`
  return withLines({ ...incident, escalated: { at: now, reason: reason.slice(0, 1024) } }, [
    { at: now, kind: 'escalated', text: reason },
  ])
}
