import { type Change, changeText } from './change.ts'
import type { Incident } from './incident.ts'
import { withLines } from './incident-store.ts'

/** On an incident's row and ticket. */
const MAX_ALARMS = 32
const HOUR_MS = 3_600_000

/**
 * The incident with an alarm about what somebody else changed, once however often the change is told. Whoever changes
 * things for the sake of the noise fills neither row nor journal: within an hour no more than fit are told of.
 */
export function withAlarm(incident: Incident, change: Change, what: string, now: number): Incident {
  const { alarms = [] } = incident
  if (alarms.some(({ event }) => event === change.id)) return incident
  const oldest = alarms[0]
  if (alarms.length >= MAX_ALARMS && oldest !== undefined && oldest.at > now - HOUR_MS) return incident
  const text = `${what}: ${changeText(change)}`.slice(0, 1024)
  return withLines({ ...incident, alarms: [...alarms, { event: change.id, at: now, text }].slice(-MAX_ALARMS) }, [
    { at: now, kind: 'alarm', text: `${text} (event ${change.id}, ${new Date(change.at).toISOString()})` },
  ])
}
