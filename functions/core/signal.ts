import * as z from 'zod'

/** Independent kinds of evidence; isolation needs one identity signal or three families. */
export const Family = z.enum(['identity', 'shape', 'novelty', 'context', 'host'])
export type Family = z.infer<typeof Family>

/** One rule's hit. */
export const Signal = z.object({
  rule: z.string().max(64),
  family: Family,
  /** Negative points speak for a benign reading. */
  points: z.number(),
  /** MITRE ATT&CK technique. */
  technique: z.string().max(16).optional(),
  peer: z.string().max(64).optional(),
  port: z.number().int().optional(),
  protocol: z.number().int().optional(),
  name: z.string().max(255).optional(),
  /** Seconds since the epoch. */
  first: z.number(),
  last: z.number(),
  /** It rests on what the instance itself sent: its SYN or its DNS query. Without one such signal nothing is isolated. */
  own: z.boolean().optional(),
  /** What was seen, for a person. Hostile text is in it. */
  detail: z.string().max(1024),
})
export type Signal = z.infer<typeof Signal>
