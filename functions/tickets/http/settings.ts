import * as z from 'zod'

/** What every target has. */
export const httpSettings = {
  /** Tells two targets of a kind apart: the step is `ticket-<name>`. Default: the target. */
  name: z
    .string()
    .regex(/^[a-z][a-z0-9-]{0,31}$/, 'lower-case letters, digits and hyphens')
    .optional(),
  /** For one request and the reading of its answer. */
  timeoutMs: z.number().int().min(1).max(60_000).default(10_000),
  /** For one ticket with every retry. A tracker that asks for more patience is met again by a later try of the step. */
  deadlineMs: z.number().int().min(1).max(300_000).default(30_000),
  /** Requests after the first. */
  retries: z.number().int().min(0).max(10).default(4),
  /** The tracker may stand at a private address. */
  allowPrivate: z.boolean().default(false),
}

export type HttpSettings = Readonly<z.infer<z.ZodObject<typeof httpSettings>>>

/** A token or password: it has to fit into a header. */
export const Credential = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters only')
