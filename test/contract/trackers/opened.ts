import type { TicketTarget } from '../../../functions/core/ports.ts'
import { openTarget, type TicketSettings } from '../../../functions/tickets/registry.ts'

/** The target beside its tracker. */
export function opened<T>(server: T, settings: TicketSettings): T & { readonly target: TicketTarget } {
  return { ...server, target: openTarget(settings, { now: () => 1_795_000_000_000 }) }
}
