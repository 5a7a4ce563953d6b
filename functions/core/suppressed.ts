import * as z from 'zod'
import type { Suppression } from './exceptions.ts'
import type { Finding } from './finding.ts'
import type { Ledger } from './ports.ts'

/** The trace of a finding that a suppression silenced. */
export const Suppressed = z.object({
  finding: z.string().max(64),
  instance: z.string().max(64),
  at: z.number(),
  rules: z.array(z.string().max(64)),
  score: z.number(),
  by: z.array(z.object({ owner: z.string(), reason: z.string(), expires: z.string() })),
})
export type Suppressed = z.infer<typeof Suppressed>

const partition = 'suppressed'
const KEPT_MS = 90 * 24 * 3_600_000

/** Writes down what nobody was told, and who answers for that. A redelivery finds its own row. */
export async function recordSuppressed(
  ledger: Ledger,
  { id, instance, signals, score }: Finding,
  suppressions: readonly Suppression[],
  at: number,
): Promise<void> {
  const value: Suppressed = {
    finding: id,
    instance,
    at,
    rules: [...new Set(signals.map(({ rule }) => rule))],
    score,
    by: suppressions.map(({ owner, reason, expires }) => ({ owner, reason, expires })),
  }
  await ledger.write({ partition, sort: `${instance}/${id}` }, value, 'absent', at + KEPT_MS)
}

/** Of one instance, or of all. */
export async function listSuppressed(ledger: Ledger, instance: string | undefined): Promise<Suppressed[]> {
  const rows = await ledger.list(partition, instance === undefined ? '' : `${instance}/`)
  return rows.map(({ value }) => Suppressed.parse(value))
}

/** What a suppression says for itself. */
export function answerOf({ owner, reason, expires }: Suppression): string {
  return `${owner} until ${expires}: ${reason}`
}
