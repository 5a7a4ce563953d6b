import { mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { awsAdapters } from '../../entry/aws/adapters.ts'
import { awsResponding } from '../../entry/aws/responding.ts'
import { html, markdown } from '../../report/index.ts'
import type { Scenario } from '../../sandbox/scenario/scenario.ts'
import { type Output, painted, progress } from '../output.ts'
import { environmentLines, untilStopped } from '../sandbox.ts'
import { deploy } from './deployment.ts'
import { findScenario, scenarioNames } from './find.ts'
import { incidentNews } from './news.ts'
import { observe } from './observe.ts'
import { type Outcome, shortcomings } from './outcome.ts'
import { play } from './play.ts'
import { table } from './table.ts'

export interface DrillOptions {
  readonly all?: boolean
  readonly json?: boolean
  readonly without: readonly string[]
  readonly keep?: boolean
  readonly out: string
}

/**
 * Milliseconds. Round trips are counted by what began after what had ended: calls that are made at once must not, on a busy
 * machine, come further apart than an answer takes. EC2 itself takes no less.
 */
const LATENCIES = { ec2: 100 }

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
    const trips = await play(deployment, { say: shown.say, changed })
    const { outcome, told } = await observe(deployment, ledger.ledger, trips)
    shown.done()
    const missed = shortcomings(outcome, scenario.expect)
    const undo = told && awsResponding(ledger, deployment.environment).undo(told.incident)
    const report =
      told && (await writeReport(options.out, scenario.name, { ...told, undo, now: deployment.clock.now() }))
    const seconds = Math.round((performance.now() - began) / 100) / 10
    output.out(
      options.json ? `${line(outcome, missed, report, seconds)}\n` : table(scenario, outcome, missed, report, seconds),
    )
    if (options.keep && last) {
      output.err(environmentLines(deployment.environment))
      await untilStopped(output)
    }
    return missed.length === 0
  } finally {
    ledger.close()
    await deployment.close()
  }
}

function line(outcome: Outcome, missed: readonly string[], report: string | undefined, seconds: number): string {
  return JSON.stringify({ ok: missed.length === 0, ...outcome, report: report ?? null, failures: missed, seconds })
}

async function writeReport(out: string, name: string, told: Parameters<typeof html>[0]): Promise<string> {
  const directory = resolve(out)
  await mkdir(directory, { recursive: true })
  const path = join(directory, `${name}.html`)
  await Promise.all([writeFile(path, html(told)), writeFile(join(directory, `${name}.md`), markdown(told))])
  return path
}
