import { readFile } from 'node:fs/promises'
import * as z from 'zod'
import { canonicalAddress } from '../../core/address.ts'
import { InputError, quoted, reasonOf } from '../../core/errors.ts'
import type { Holding } from '../../core/replay-holders.ts'

const address = z
  .string()
  .max(64)
  .transform((text, context) => {
    const canonical = canonicalAddress(text)
    if (canonical !== undefined) return canonical
    context.addIssue({ code: 'custom', message: `${quoted(text)} is no address` })
    return z.NEVER
  })

const Inventory = z
  .array(
    z.object({
      interface: z.string().min(1).max(128),
      instance: z.string().min(1).max(64),
      addresses: z.array(address).max(256).default([]),
      tags: z.record(z.string().max(128), z.string().max(256)).default({}),
    }),
  )
  .max(1_000_000)

/** Reads who holds which interface. @throws InputError that names the file and the first field that does not fit. */
export async function readInventory(path: string): Promise<readonly Holding[]> {
  let json: unknown
  try {
    json = JSON.parse(await readFile(path, 'utf8'))
  } catch (cause) {
    throw new InputError(`Cannot read inventory ${quoted(path)}: ${reasonOf(cause)}`, { cause })
  }
  const parsed = Inventory.safeParse(json)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  throw new InputError(`Cannot read inventory ${quoted(path)}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`)
}
