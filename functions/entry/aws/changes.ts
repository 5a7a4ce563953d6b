import { type ChangeSettings, readChange } from '../../clouds/aws/changes/read-change.ts'
import type { Change } from '../../core/change.ts'
import { InputError, quoted } from '../../core/errors.ts'
import { openBridgeEvent } from '../../sources/envelopes/eventbridge.ts'
import type { Config } from '../config.ts'
import { shapeOf } from './shapes.ts'

const nameIn = (url: string) => url.slice(url.lastIndexOf('/') + 1)

/** What of the account is Firebreak's, or read by it, and who may change that. */
export function changeSettings(config: Config): ChangeSettings {
  const { table, queue, deadLetters, logGroups, buckets, ownRoles = '', deployers } = config
  return {
    ownRoles: ownRoles.split(',').filter(role => role !== ''),
    deployers,
    ours: [table, nameIn(queue), nameIn(deadLetters), ...Object.keys(logGroups), ...Object.keys(buckets)],
  }
}

/**
 * What started verify: the schedule, or a person, neither of which says anything; or an event that tells of a change.
 * @throws InputError for an event that is about nothing here.
 */
export function startedBy(event: unknown, settings: ChangeSettings, account: string): Change | 'schedule' {
  if (shapeOf(event) !== 'bus') return 'schedule'
  const opened = openBridgeEvent(event)
  if (opened.type === 'Scheduled Event') return 'schedule'
  if (opened.account !== account)
    throw new InputError(`Cannot read event: it is of account ${quoted(opened.account)}, not ${account}`)
  const change = readChange(opened, settings)
  if (!change) throw new InputError(`Cannot read event: ${quoted(opened.type)} tells of nothing that is watched`)
  return change
}
