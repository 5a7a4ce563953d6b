import { setTimeout as sleep } from 'node:timers/promises'
import { awsAdapters } from '../entry/aws/adapters.ts'
import type { Scenario } from '../sandbox/scenario/scenario.ts'
import { type Deployment, deploy } from './drill/deployment.ts'
import { findScenario } from './drill/find.ts'
import { incidentNews } from './drill/news.ts'
import { createPlayer } from './drill/play.ts'
import { type Output, painted, progress } from './output.ts'
import { untilSignal } from './signals.ts'

export interface SandboxOptions {
  readonly port: number
  readonly json?: boolean
}

const MINUTE_MS = 60_000
/** How often the lanes are polled and what has happened meanwhile is delivered. */
const TURN_MS = 1000

/**
 * Serves a scenario's cloud with Firebreak deployed into it, until the process is told to stop. Its history is played at
 * once; then the environment is printed and the scenario goes on in real time, behind logs, lanes and a schedule that work
 * as in a cloud.
 */
export async function serve(name: string, { port, json }: SandboxOptions, output: Output): Promise<void> {
  const stop = untilSignal()
  const deployment = await deploy(startingNow(findScenario(name)), { port })
  const { ledger, close } = awsAdapters('operate', deployment.environment, deployment.clock)
  const shown = progress(output, painted('cyan', 'sandbox:', process.stderr))
  try {
    const changed = incidentNews(ledger, deployment.built.members, shown.tell)
    const player = createPlayer(deployment, { say: shown.say, changed })
    await player.advance(deployment.network.live, stop.signal)
    if (stop.signal.aborted) return
    output.out(json ? `${JSON.stringify(deployment.environment)}\n` : environmentLines(deployment.environment))
    for (const { name: member, instance, spec } of deployment.built.members)
      if (spec.tags['firebreak:drill'] === 'true') shown.tell(`${member} is ${instance} and may be drilled`)
    shown.tell(`${deployment.sandbox.endpoint} stays until Ctrl-C`)
    await goOn(deployment, player, 0, stop.signal)
  } finally {
    stop.off()
    shown.done()
    close()
    await deployment.close()
  }
}

/** Lets it go on in real time, `ahead` milliseconds before it, until it is stopped. */
export async function goOn(
  { clock }: Pick<Deployment, 'clock'>,
  { advance }: Pick<ReturnType<typeof createPlayer>, 'advance'>,
  ahead: number,
  stop: AbortSignal,
): Promise<void> {
  while (!stop.aborted) {
    await advance(Math.max(clock.now(), Date.now() + ahead), stop)
    await sleep(TURN_MS, undefined, { signal: stop }).catch(() => {})
  }
}

/** The scenario so that its live phase begins with this minute: whoever operates it from outside has the real time. */
function startingNow(scenario: Scenario): Scenario {
  return { ...scenario, start: Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - scenario.history }
}

/** Lines for another shell to run. */
export function environmentLines(environment: Readonly<Record<string, string>>): string {
  return Object.entries(environment)
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`)
    .join('')
}
