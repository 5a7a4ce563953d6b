import Table from 'cli-table3'
import type { Evaluation, Outcome } from './evaluate.ts'
import { breakoutKinds } from './kinds.ts'

/** The score as a person reads it: by kind of breakout, by habit of the innocent, and the sums that are promised. */
export function report(evaluations: readonly Evaluation[], { explain }: { explain: boolean }): string {
  const outcomes = evaluations.flatMap(one => one.outcomes)
  const falseFindings = evaluations.flatMap(one => one.falseFindings)
  const { cuts, alertsPerThousand, promised, days } = sums(evaluations)
  const told = sums(evaluations.filter(({ traces }) => traces))
  const text = [
    breakoutsOf(outcomes),
    uncutOf(outcomes),
    innocentOf(evaluations),
    `false cuts: ${cuts}`,
    `alerts per 1,000 benign instance-days: ${alertsPerThousand.toFixed(1)} (over ${days.toFixed(0)})`,
    `of these where tool calls are logged: ${told.alerts} alerts, ${told.cuts} false cuts (over ${told.days.toFixed(0)})`,
    `promised cuts within 10 minutes of their logs: ${promised.inTime} of ${promised.all}`,
  ]
  if (explain) {
    for (const { kind, seed, dns, traces, why, cutAt, usedAt, shownAt } of outcomes)
      text.push(`${kind} [${seed} ${dns} ${traces}] shown ${shownAt} used ${usedAt} cut ${cutAt}: ${why}`)
    for (const { label, decision, why, seed, dns, traces } of falseFindings)
      text.push(`FALSE ${decision} ${label} [${seed} ${dns} ${traces}]: ${why}`)
  }
  return `${text.join('\n')}\n`
}

function tableOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const table = new Table({ head: [...head], style: { head: [], border: [] } })
  for (const row of rows) table.push([...row])
  return table.toString()
}

const isAlerted = ({ cutAt, alertedAt }: Outcome) => cutAt === undefined && alertedAt !== undefined

function breakoutsOf(outcomes: readonly Outcome[]): string {
  const heads = ['breakout', 'resolver logs', 'cases', 'cut', 'alerted', 'missed', 'within 10 min']
  const rows = [...Map.groupBy(outcomes, ({ kind }) => kind)].flatMap(([kind, all]) =>
    [true, false].flatMap(dns => {
      const shown = all.filter(one => one.dns === dns && one.shownAt !== undefined)
      if (shown.length === 0) return []
      const cut = shown.filter(({ cutAt }) => cutAt !== undefined)
      const times = cut.map(timeToCut).toSorted((a, b) => a - b)
      const alerts = shown
        .flatMap(({ alertedAt, shownAt = 0 }) => (alertedAt === undefined ? [] : [alertedAt - shownAt]))
        .toSorted((a, b) => a - b)
      return [
        [
          kind,
          dns ? 'yes' : 'no',
          shown.length,
          cut.length,
          shown.filter(isAlerted).length,
          shown.filter(({ alertedAt }) => alertedAt === undefined).length,
          cut.filter(isInTime).length,
          minutes(times[Math.floor(times.length / 2)]),
          minutes(times.at(-1)),
          minutes(alerts[Math.floor(alerts.length / 2)]),
        ],
      ]
    }),
  )
  return tableOf([...heads, 'to the cut, median', 'max', 'to the alert, median'], rows)
}

/** Which breakouts are only alerted about, or missed, and why. */
function uncutOf(outcomes: readonly Outcome[]): string {
  const rows = breakoutKinds.flatMap(({ name, uncut = 'unexplained' }) => {
    const of = outcomes.filter(({ kind, shownAt, cutAt }) => kind === name && shownAt !== undefined && !cutAt)
    if (of.length === 0) return []
    const missed = of.filter(({ alertedAt }) => alertedAt === undefined)
    return [
      [
        name,
        of.length - missed.length,
        missed.filter(({ dns }) => dns).length,
        missed.filter(({ dns }) => !dns).length,
        uncut,
      ],
    ]
  })
  return tableOf(['not cut', 'alerted', 'missed with resolver logs', 'missed without', 'why'], rows)
}

function innocentOf(evaluations: readonly Evaluation[]): string {
  const falseFindings = evaluations.flatMap(one => one.falseFindings)
  const habits = new Map<string, number>()
  for (const { benignDays } of evaluations)
    for (const [habit, days] of benignDays) habits.set(habit, (habits.get(habit) ?? 0) + days)
  const labels = new Set([...habits.keys(), ...falseFindings.map(one => one.label)])
  return tableOf(
    ['ordinary work', 'instance-days', 'alerts', 'cuts'],
    [...labels].map(label => [
      label,
      (habits.get(label) ?? 0).toFixed(1),
      falseFindings.filter(one => one.label === label && one.decision === 'alert').length,
      falseFindings.filter(one => one.label === label && one.decision === 'isolate').length,
    ]),
  )
}

export interface Sums {
  readonly cuts: number
  /** False ones, cuts among them. */
  readonly alerts: number
  readonly alertsPerThousand: number
  readonly days: number
  readonly promised: { readonly all: number; readonly inTime: number; readonly cut: number }
}

export function sums(evaluations: readonly Evaluation[]): Sums {
  const falseFindings = evaluations.flatMap(one => one.falseFindings)
  const days = evaluations.flatMap(one => [...one.benignDays.values()]).reduce((sum, count) => sum + count, 0)
  const promised = evaluations.flatMap(one => one.outcomes).filter(isPromised)
  return {
    cuts: falseFindings.filter(({ decision }) => decision === 'isolate').length,
    alerts: falseFindings.length,
    alertsPerThousand: (1000 * falseFindings.length) / days,
    days,
    promised: {
      all: promised.length,
      inTime: promised.filter(isInTime).length,
      cut: promised.filter(({ cutAt }) => cutAt !== undefined).length,
    },
  }
}

/** No false cut, at most one alert in 1,000 innocent instance-days, and 95 % of the promised cuts in time. */
export function meets(evaluations: readonly Evaluation[]): boolean {
  const { cuts, alertsPerThousand, promised } = sums(evaluations)
  return cuts === 0 && alertsPerThousand <= 1 && promised.inTime >= 0.95 * promised.all
}

/** A cut is owed where the kind promises one and its logs show what it is: an SSH tunnel by its use, the others by name or alert. */
export function isPromised(outcome: Outcome): boolean {
  const { promise, identified } = outcome
  return promise === 'cut' && since(outcome) !== undefined && (isSsh(outcome) || identified)
}

const isSsh = ({ kind }: Outcome) => kind.startsWith('ssh -R')

const IN_TIME = 10 * 60_000

export function isInTime(outcome: Outcome): boolean {
  return outcome.cutAt !== undefined && timeToCut(outcome) <= IN_TIME
}

function since(outcome: Outcome): number | undefined {
  return isSsh(outcome) ? outcome.usedAt : outcome.shownAt
}

function timeToCut(outcome: Outcome): number {
  return Math.max(0, (outcome.cutAt ?? 0) - (since(outcome) ?? outcome.shownAt ?? 0))
}

function minutes(milliseconds: number | undefined): string {
  return milliseconds === undefined ? '-' : `${(milliseconds / 60_000).toFixed(1)} min`
}
