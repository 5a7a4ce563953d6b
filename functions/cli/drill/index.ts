import { awsAdapters } from '../../entry/aws/adapters.ts'
import { awsResponding } from '../../entry/aws/responding.ts'
import type { Scenario } from '../../sandbox/scenario/scenario.ts'
import { type Output, painted, progress } from '../output.ts'
import { writeReport } from '../report-files.ts'
import { environmentLines, goOn } from '../sandbox.ts'
import { untilSignal } from '../signals.ts'
import { deploy } from './deployment.ts'
import { findScenario, scenarioNames } from './find.ts'
import { incidentNews } from './news.ts'
import { observe } from './observe.ts'
import { type Latency, type Outcome, shortcomings } from './outcome.ts'
import { play, playToCut } from './play.ts'
import { table } from './table.ts'
import type { Trips } from './trips.ts'

export interface DrillOptions {
  readonly all?: boolean
  readonly json?: boolean
  readonly without: readonly string[]
  readonly keep?: boolean
  readonly out: string
  /** Milliseconds that every call takes, whatever service it goes to. */
  readonly latency?: number
}

/**
 * Milliseconds. Round trips are counted by what began after what had ended: calls that are made at once must not, on a busy
 * machine, come further apart than an answer takes. EC2 itself takes no less.
 */
const LATENCIES = { ec2: 100 }

/** Without these there is no cut, and no disk to examine. */
const CUT_ALONE = ['swap-groups', 'deny-peers', 'snapshot']

/** Plays the scenarios one after the other. True if every expectation of every one held. */
export async function drill(name: string, options: DrillOptions, output: Output): Promise<boolean> {
  const names = options.all ? await scenarioNames() : [name]
  let held = true
  for (const [index, one] of names.entries())
    held = (await drillOne(findScenario(one), options, output, index === names.length - 1)) && held
  return held
}

async function drillOne(scenario: Scenario, options: DrillOptions, output: Output, last: boolean): Promise<boolean> {
  const began = performance.now()
  const deployment = await deploy(scenario, { without: options.without, latencies: LATENCIES })
  const ledger = awsAdapters('operate', deployment.environment, deployment.clock)
  try {
    const shown = progress(output, painted('cyan', `drill ${scenario.name}:`, process.stderr))
    // A script reads the result alone.
    const tell = options.json ? () => {} : shown.tell
    const changed = incidentNews(ledger.ledger, deployment.built.members, tell)
    const player = await play(deployment, { say: shown.say, changed }, options.latency)
    const [trips] = player.trips
    const { outcome: seen, told } = await observe(deployment, ledger.ledger, trips)
    const latency =
      trips && options.latency !== undefined && (await timesAt(options.latency, scenario, options, shown.say))
    const outcome = latency ? { ...seen, latency } : seen
    shown.done()
    const missed = shortcomings(outcome, scenario.expect)
    const undo = told && awsResponding(ledger, deployment.environment).undo(told.incident)
    const written =
      told && (await writeReport(options.out, scenario.name, { ...told, undo, now: deployment.clock.now() }))
    const report = written?.html
    const seconds = Math.round((performance.now() - began) / 100) / 10
    output.out(
      options.json ? `${line(outcome, missed, report, seconds)}\n` : table(scenario, outcome, missed, report, seconds),
    )
    if (options.keep && last) {
      output.err(environmentLines(deployment.environment))
      output.err('The sandbox stays until Ctrl-C, with its lanes polled: try npx firebreak incidents list\n')
      const stop = untilSignal()
      await goOn(deployment, player, deployment.clock.now() - Date.now(), stop.signal)
      stop.off()
    }
    return missed.length === 0
  } finally {
    ledger.close()
    await deployment.close()
  }
}

/**
 * Plays up to the cut once more, with the steps alone that make it and with all of them: now that everything is loaded, what
 * differs are the steps.
 */
async function timesAt(
  callMs: number,
  scenario: Scenario,
  { without }: DrillOptions,
  say: (text: string) => void,
): Promise<Latency | undefined> {
  async function timed(only: readonly string[] | undefined, what: string): Promise<Trips | undefined> {
    const deployment = await deploy(scenario, { without, latencies: LATENCIES, ...(only ? { only } : {}) })
    const shown = { say: (text: string) => say(`${what}, ${text}`), changed: async () => {} }
    try {
      return await playToCut(deployment, shown, callMs)
    } finally {
      await deployment.close()
    }
  }
  const cutAlone = await timed(CUT_ALONE, 'the cut alone')
  const all = await timed(undefined, 'all steps')
  return all && cutAlone && { callMs, all, cutAlone }
}

function line(outcome: Outcome, missed: readonly string[], report: string | undefined, seconds: number): string {
  return JSON.stringify({ ok: missed.length === 0, ...outcome, report: report ?? null, failures: missed, seconds })
}
