import * as z from 'zod'

const ts = z.string().regex(/^\d{1,12}\.\d{1,9}$/)

export const Posted = z.object({ channel: z.string().regex(/^[A-Z0-9]{1,32}$/), ts })

export const History = z.object({
  messages: z.array(
    z.object({
      ts,
      metadata: z
        .object({ event_type: z.string().optional(), event_payload: z.record(z.string(), z.unknown()).optional() })
        .optional(),
    }),
  ),
  response_metadata: z.object({ next_cursor: z.string().max(1024).optional() }).nullish(),
})

export const Verdict = z.object({ ok: z.boolean(), error: z.string().max(200).optional() })
