import * as z from 'zod'

const key = z.string().regex(/^[A-Z][A-Z0-9_]{1,99}-\d{1,12}$/)

export const Created = z.object({ key })

export const Found = z.object({ issues: z.array(z.object({ key })).max(100) })

/** `new`, `indeterminate` and `done`, whatever a project calls its statuses. */
const Status = z.object({ statusCategory: z.object({ key: z.string() }) })

export const Standing = z.object({ fields: z.object({ status: Status }) })

export const Transitions = z.object({
  transitions: z.array(z.object({ id: z.string().max(64), name: z.string(), to: Status })).max(200),
})
