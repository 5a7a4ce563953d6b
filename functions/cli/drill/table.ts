import Table from 'cli-table3'
import type { Scenario } from '../../sandbox/scenario/scenario.ts'
import { painted } from '../output.ts'
import type { Outcome } from './outcome.ts'

/** No borders and no colour of its own: it stays readable when piped. */
const PLAIN = {
  chars: {
    top: '',
    'top-mid': '',
    'top-left': '',
    'top-right': '',
    bottom: '',
    'bottom-mid': '',
    'bottom-left': '',
    'bottom-right': '',
    left: '  ',
    'left-mid': '',
    mid: '',
    'mid-mid': '',
    right: '',
    'right-mid': '',
    middle: '  ',
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
}

/** The closing words of a drill, for a person. */
export function table(
  scenario: Scenario,
  outcome: Outcome,
  missed: readonly string[],
  report: string | undefined,
  seconds: number,
): string {
  const { cut } = outcome
  const rows = new Table(PLAIN)
  const after = outcome.cutAfterMs === undefined ? '' : `, minute ${Math.floor(outcome.cutAfterMs / 60_000)}`
  rows.push(
    ['decision', `${outcome.decision}${after}`],
    ['state', cut.state],
    [
      'to the cut',
      cut.roundTrips === 0 ? 'nothing was cut' : `${cut.roundTrips} cloud and ${cut.ledgerTrips} ledger round trips`,
    ],
    ['bytes after it', `${cut.residualBytes}`],
    ['interfaces', `${cut.interfaces} in quarantine`],
    ['denied', outcome.denied.join(', ') || 'nobody'],
    ['snapshots', `${outcome.snapshots} of ${outcome.volumes} volumes`],
    ['incidents', `${outcome.incidents}`],
    ['tickets', `${outcome.tickets}`],
    ['untouched', outcome.untouched.join(', ') || 'nobody was to be'],
    ['report', report ?? 'none: no incident'],
  )
  for (const refusal of outcome.refusals) rows.push(['not denied', refusal])
  for (const reason of cut.reasons) rows.push(['because', reason])
  const verdict = missed.length === 0 ? painted('green', 'held') : painted('red', 'failed')
  for (const call of outcome.toolCalls) rows.push(['tool call', call])
  const lines = missed.map(text => `  ${painted('red', '✗')} ${text}`)
  return [`${painted('bold', scenario.title)}: ${verdict} (${seconds} s)`, rows.toString(), ...lines, ''].join('\n')
}
