import { setTimeout as sleep } from 'node:timers/promises'
import { awsAdapters } from '../entry/aws/adapters.ts'
import type { Scenario } from '../sandbox/scenario/scenario.ts'
import { deploy } from './drill/deployment.ts'
import { findScenario } from './drill/find.ts'
import { incidentNews } from './drill/news.ts'
import { createPlayer } from './drill/play.ts'
import { type Output, painted, progress } from './output.ts'

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
  const stop = new AbortController()
  const stopped = () => stop.abort()
  for (const signal of SIGNALS) process.once(signal, stopped)
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
    while (!stop.signal.aborted) {
      await player.advance(Math.max(deployment.clock.now(), Date.now()), stop.signal)
      await sleep(TURN_MS, undefined, { signal: stop.signal }).catch(() => {})
    }
  } finally {
    for (const signal of SIGNALS) process.off(signal, stopped)
    shown.done()
    close()
    await deployment.close()
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

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

export function untilStopped(output: Output): Promise<void> {
  output.err('The sandbox stays until Ctrl-C\n')
  return new Promise(resolve => {
    for (const signal of SIGNALS) process.once(signal, () => resolve())
  })
}
