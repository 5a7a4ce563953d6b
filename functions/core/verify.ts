import { checkIncident } from './check-incident.ts'
import { reasonOf } from './errors.ts'
import type { Incident } from './incident.ts'
import { type Held, listIncidents } from './incident-store.ts'
import { keepReady } from './readiness.ts'
import type { Failed, VerifyPorts, VerifySettings } from './verify-ports.ts'

/** For so long after a release its ticket is tried again. */
const TOLD_MS = 24 * 3_600_000

export interface Verified {
  readonly inScope: number
  readonly networks: number
  readonly incidents: readonly { readonly incident: string; readonly state: Incident['cut']['state'] }[]
  /** What could not be looked at; each is also logged. */
  readonly failures: readonly string[]
}

/**
 * Runs on a schedule: keeps the inventory and the quarantine groups ready, proves each cut anew, and puts what has come
 * undone back into the instance's lane. One incident's failure leaves the others untouched.
 */
export async function verify(ports: VerifyPorts, settings: VerifySettings, signal: AbortSignal): Promise<Verified> {
  const { failures, failed } = collectFailures(ports)
  const [kept, open] = await Promise.all([
    keepReady(ports, settings.policy, signal, failed).catch(failed('inventory')),
    openIncidents(ports, failed),
  ])
  const incidents = await checkAll(ports, settings, open, signal, failed)
  ports.metrics.count('VerifyRan')
  return { inScope: kept?.inScope ?? 0, networks: kept?.networks ?? 0, incidents, failures }
}

export function collectFailures({ log, metrics }: Pick<VerifyPorts, 'log' | 'metrics'>): {
  failures: string[]
  failed: Failed
} {
  const failures: string[] = []
  const failed: Failed = what => thrown => {
    const reason = reasonOf(thrown)
    log.error('verify could not finish a part', { part: what, reason })
    metrics.count('VerifyFailed')
    failures.push(`${what}: ${reason}`)
    return undefined
  }
  return { failures, failed }
}

/** The newest incident of each instance that is open, or was until lately. */
export async function openIncidents({ ledger, clock }: VerifyPorts, failed: Failed): Promise<Held[]> {
  const { held, unreadable } = await listIncidents(ledger)
  for (const { instance, reason } of unreadable) failed(`incident of ${instance}`)(reason)
  const since = clock.now() - TOLD_MS
  return held.filter(({ incident: { closedAt = Infinity } }) => closedAt > since)
}

/** Looks at several incidents, a few at a time. */
export async function checkAll(
  ports: VerifyPorts,
  settings: VerifySettings,
  incidents: readonly Held[],
  signal: AbortSignal,
  failed: Failed,
): Promise<Verified['incidents']> {
  const states: { incident: string; state: Incident['cut']['state'] }[] = []
  const next = incidents.values()
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const one of next) {
        const state = await checkIncident(ports, settings, one, signal).catch(failed(`incident ${one.incident.id}`))
        states.push({ incident: one.incident.id, state: state ?? one.incident.cut.state })
      }
    }),
  )
  return states
}
