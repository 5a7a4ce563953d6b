import type { Incident } from './incident.ts'

/** Why an approval counts no more, or `undefined`. An incident from before there was a limit has none. */
export function lateness({ approvableUntil }: Incident, now: number): string | undefined {
  if (approvableUntil === undefined || now <= approvableUntil) return undefined
  return `It was open to approval until ${new Date(approvableUntil).toISOString()}, and the next finding asks anew`
}
