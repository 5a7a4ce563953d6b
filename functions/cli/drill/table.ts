import Table from 'cli-table3'
import type { Scenario } from '../../sandbox/scenario/scenario.ts'
import { painted, wrapped } from '../output.ts'
import type { Latency, Outcome } from './outcome.ts'
import type { Trips } from './trips.ts'

/** Columns of the narrowest usual terminal, and those of the labels, gaps included. */
const WIDTH = 80
const LABELS = 18

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

function evidenceText({ evidence: { files, folder } }: Outcome): string {
  return files === 0 ? 'none' : `${files} files in ${folder}`
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
    ...(outcome.latency ? latencyRows(outcome.latency) : []),
    ['bytes after it', `${cut.residualBytes}`],
    ['interfaces', `${cut.interfaces} in quarantine`],
    ['denied', outcome.denied.join(', ') || 'nobody'],
    ['snapshots', `${outcome.snapshots} of ${outcome.volumes} volumes`],
    ['evidence', evidenceText(outcome)],
    ['incidents', `${outcome.incidents}`],
    ['tickets', `${outcome.tickets}`],
    ['untouched', outcome.untouched.join(', ') || 'nobody was to be'],
  )
  for (const call of outcome.toolCalls) rows.push(['tool call', call])
  for (const refusal of outcome.refusals) rows.push(['not denied', refusal])
  for (const reason of cut.reasons) rows.push(['because', reason])
  const broken = rows.map(row =>
    Array.isArray(row) ? row.map(cell => wrapped(String(cell), WIDTH - LABELS).join('\n')) : row,
  )
  rows.splice(0, rows.length, ...broken)
  const verdict = missed.length === 0 ? painted('green', 'held') : painted('red', 'failed')
  const lines = missed.flatMap(text =>
    wrapped(text, WIDTH - 4).map((line, index) => `  ${index === 0 ? painted('red', '✗') : ' '} ${line}`),
  )
  return [
    `${painted('bold', scenario.title)}: ${verdict} (${seconds} s)`,
    ...rows
      .toString()
      .split('\n')
      .map(line => line.trimEnd()),
    ...lines,
    `  ${'report'.padEnd(LABELS - 2)}${report ?? 'none: no incident'}`,
    '',
  ].join('\n')
}

function latencyRows({ callMs, all, cutAlone }: Latency): [string, string][] {
  return [
    [`at ${callMs} ms a call`, timesText(all)],
    ['the cut alone', timesText(cutAlone)],
  ]
}

function timesText({ sequential, cutMs, snapshotMs, ticketMs }: Trips): string {
  const after = (what: string, time: number | undefined) => (time === undefined ? [] : [`${what} after ${time} ms`])
  const times = [...after('cut', cutMs), ...after('last snapshot asked for', snapshotMs), ...after('ticket', ticketMs)]
  return `${times.join(', ')}; ${sequential} sequential round trips to the cut`
}
