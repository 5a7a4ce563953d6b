import type { Halt, HaltStatus } from '../core/halt.ts'
import { plain } from '../report/text.ts'

/** One line: whether new cuts are halted, who said so and why. */
export function haltSaid({ halted, by, at, reason, ...status }: Halt | HaltStatus): string {
  const broken = 'brokenAt' in status ? `, JOURNAL BROKEN at entry ${status.brokenAt}` : ''
  return `${halted ? 'HALTED' : 'Resumed'} by ${plain(by)} at ${new Date(at).toISOString()}: ${plain(reason)}${broken}\n`
}
