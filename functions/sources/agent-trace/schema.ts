import * as z from 'zod'

/**
 * Tool calls as agents log them. Three forms: a plain line; a span as CloudWatch keeps it (attributes as an object); and
 * OTLP's JSON (attributes as a list). Attribute names are OpenTelemetry's for generative AI (Semantic Conventions,
 * "GenAI spans": `gen_ai.operation.name` is `execute_tool`) and for hosts (`host.id`).
 */

const short = z.string().max(256)
/** Commands may be whole scripts; what is kept of them is cut later. */
const long = z.string()
const time = z.union([z.string().max(64), z.number()])

export const PlainCall = z.object({
  instance: short.optional(),
  time,
  end: time.optional(),
  tool: short.min(1),
  command: z.union([long, z.array(long).max(1000)]).optional(),
  episode: short.nullish(),
})

const Scalar = z.union([z.string(), z.number(), z.boolean(), z.null()])

const KeyValue = z.object({
  key: short,
  value: z
    .object({ stringValue: z.string().optional(), intValue: z.union([z.string(), z.number()]).optional() })
    .nullish(),
})

/** Either form becomes a map of texts; values that are none are left out. */
const Attributes = z
  .union([z.array(KeyValue).max(1000), z.record(z.string(), z.union([Scalar, z.unknown()]))])
  .nullish()
  .transform(given => {
    const texts = new Map<string, string>()
    if (Array.isArray(given))
      for (const { key, value } of given) {
        const text = value?.stringValue ?? value?.intValue
        if (text !== undefined) texts.set(key, String(text))
      }
    else
      for (const [key, value] of Object.entries(given ?? {}))
        if (typeof value === 'string' || typeof value === 'number') texts.set(key, String(value))
    return texts
  })

const nanoseconds = z.union([z.string().max(32), z.number()])

export const Span = z.object({
  name: z.string().max(1024).optional(),
  startTimeUnixNano: nanoseconds,
  endTimeUnixNano: nanoseconds.optional(),
  attributes: Attributes,
  resource: z.object({ attributes: Attributes }).nullish(),
})
export type Span = z.infer<typeof Span>

export const Export = z.object({
  resourceSpans: z
    .array(
      z.object({
        resource: z.object({ attributes: Attributes }).nullish(),
        scopeSpans: z.array(z.object({ spans: z.array(Span).max(10_000) })).max(1000),
      }),
    )
    .max(1000),
})
