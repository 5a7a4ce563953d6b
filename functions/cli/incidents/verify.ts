import { InputError } from '../../core/errors.ts'
import { plain, timeOf } from '../../report/text.ts'
import { type Output, painted } from '../output.ts'
import { withDeployment } from './deployment.ts'
import { faultsIn } from './show.ts'

export interface VerifyOptions {
  /** A hash that a ticket or report named as the journal's last. */
  readonly head?: string
  readonly json?: boolean
}

/** Recomputes an incident's hash chain from what the deployment holds. True where nothing stands against it. */
export async function verifyJournal(id: string, { head, json }: VerifyOptions, output: Output): Promise<boolean> {
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head))
    throw new InputError('Cannot look for --head: a hash has 64 hexadecimal digits')
  const shown = await withDeployment(deployment => deployment.show(id))
  const { incident, journal } = shown
  const faults = faultsIn(shown)
  const last = journal.at(-1)
  // Whoever can write all of the ledger can make a chain that fits. What left it before, on a ticket, he cannot.
  const known = head === undefined || journal.some(({ hash }) => hash === head)
  if (json)
    output.out(
      `${JSON.stringify({ incident: incident.id, intact: faults.length === 0 && known, entries: journal.length, last: last?.hash ?? null, faults, ...(head === undefined ? {} : { head: known }) })}\n`,
    )
  else {
    const touched = faults.map(({ sequence, text }) => {
      const entry = journal.find(one => one.sequence === sequence)
      return `  ${plain(text)}${entry ? ` (it says it is by ${plain(entry.by)} at ${timeOf(entry.at)})` : ''}\n`
    })
    const missing = known ? '' : `  no entry has the hash ${head}: the journal was replaced from there on or before\n`
    output.out(
      faults.length === 0 && known
        ? `The journal of ${plain(incident.id)} is intact: ${journal.length} entries, the last ${last?.hash ?? 'none'}\n`
        : `${painted('red', `The journal of ${plain(incident.id)} is BROKEN:`)}\n${touched.join('')}${missing}`,
    )
  }
  return faults.length === 0 && known
}
