import * as z from 'zod'

/** Plain HTTP is for a receiver on this machine, such as the sandbox's. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

function isAcceptable(text: string): boolean {
  const url = URL.parse(text)
  return url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK.has(url.hostname))
}

export const WebhookSettings = z.object({
  url: z.string().max(2048).refine(isAcceptable, 'must be https, or http on loopback'),
  /** Shared with the receiver; the key of the signature. */
  secret: z.string().min(16).max(1024),
  /** For one request and the reading of its answer. */
  timeoutMs: z.number().int().min(1).max(60_000).default(10_000),
  /** For one ticket with every retry. A receiver that asks for more patience is met again by a later try of the step. */
  deadlineMs: z.number().int().min(1).max(300_000).default(30_000),
  /** Requests after the first. */
  retries: z.number().int().min(0).max(10).default(4),
})
export type WebhookSettings = z.infer<typeof WebhookSettings>
