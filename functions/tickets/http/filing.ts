import { RetryableError } from '../../core/errors.ts'
import type { Filed } from '../../core/ports.ts'
import { Refusal, Throttled } from './failure.ts'
import type { Session } from './session.ts'

/** One tracker's way with one ticket. */
export interface Desk {
  /** The tickets that bear the incident's mark, the oldest first. */
  find(): Promise<readonly string[]>
  /** Opens one and returns its reference. */
  create(): Promise<string>
  /** Brings it up to date and closes it where it is to be closed. What a person should know; `undefined`: there is no such ticket. */
  update(reference: string): Promise<readonly string[] | undefined>
}

export interface Manner {
  /** Whether a ticket has to be closed once it is opened. */
  readonly closing: boolean
  readonly retries: number
  /** Whether an earlier try may have opened it. */
  readonly retried: boolean
  /** Milliseconds before each look for a ticket of which nobody knows whether it was opened. Default: one look at once. */
  readonly looks?: readonly number[]
  /** Whether what is not found then is surely not there, and may be opened again. Default: true. */
  readonly certain?: boolean
}

/**
 * Opens one ticket, whatever happens on the way: it is looked for before it is opened and after every answer that leaves it
 * unknown whether it was. One that somebody deleted is opened anew, and that is said.
 */
export async function file(
  desk: Desk,
  session: Session,
  reference: string | undefined,
  { closing, retries, retried, looks = [0], certain = true }: Manner,
): Promise<Filed> {
  const notes: string[] = []
  if (reference !== undefined) {
    const told = await desk.update(reference)
    if (told) return { reference, notes: told }
    notes.push(
      `Ticket ${reference} is not there any more: somebody deleted it, or the credentials cannot see it; another one stands for it`,
    )
  }
  for (const one of await found(retried ? looks : [0])) {
    const told = await desk.update(one)
    if (told) return { reference: one, notes: [...notes, ...told] }
  }
  const made = await created()
  const told = closing ? await desk.update(made) : []
  return { reference: made, notes: [...notes, ...(told ?? [])] }

  async function found(waits: readonly number[]): Promise<readonly string[]> {
    for (const wait of waits) {
      if (wait > 0) await session.pause(wait)
      const others = (await desk.find()).filter(one => one !== reference)
      if (others.length > 0) return others
    }
    return []
  }

  async function created(): Promise<string> {
    for (let tries = 0; ; tries++)
      try {
        return await desk.create()
      } catch (thrown) {
        if (thrown instanceof Refusal || thrown instanceof Throttled) throw thrown
        const [made] = await found(looks)
        if (made !== undefined) return made
        if (!(thrown instanceof RetryableError) || !certain || tries >= retries) throw thrown
        await session.backOff(tries)
      }
  }
}
