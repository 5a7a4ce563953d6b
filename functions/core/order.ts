import * as z from 'zod'
import { Finding, Peer } from './finding.ts'

const instance = z.string().min(1).max(64)
const incident = z.string().min(1).max(64)
const by = z.string().min(1).max(256)

/** What travels in an instance's lane. */
export const Order = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('finding'), finding: Finding }),
  z.object({ kind: z.literal('continue'), instance, incident }),
  /** External peers with which bytes still pass after the cut, as verify saw. */
  z.object({ kind: z.literal('residual'), instance, incident, peers: z.array(Peer).min(1).max(64) }),
  z.object({ kind: z.literal('approve'), instance, incident, by }),
  /** `force` names the steps that are put back although somebody else changed since what they had left. */
  z.object({
    kind: z.literal('release'),
    instance,
    incident,
    by,
    force: z.array(z.string().max(64)).max(64).optional(),
  }),
])
export type Order = z.infer<typeof Order>

export function instanceOf(order: Order): string {
  return order.kind === 'finding' ? order.finding.instance : order.instance
}
