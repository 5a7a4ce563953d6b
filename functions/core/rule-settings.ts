import * as z from 'zod'

/** Every threshold of the rules and the score, with its default and its reason. */
export const RuleSettings = z.strictObject({
  score: z
    .strictObject({
      watch: z.number().default(30),
      alert: z.number().default(60),
      isolate: z.number().default(100),
    })
    .prefault({}),
})
export type RuleSettings = z.infer<typeof RuleSettings>
