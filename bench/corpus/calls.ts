import type { ToolCall } from '../../functions/core/flow.ts'
import type { Opening } from '../../functions/sandbox/network/drivers.ts'
import { createRandom } from '../../functions/sandbox/scenario/random.ts'
import type { Resident } from './fleet.ts'

/**
 * The agents' own logs of their tool calls. Agents are busy: some call under way stands beside most of what their instance
 * opens, whoever opened it. What a call opened itself it may name; whoever breaks out names it, hides it in a script, or leaves
 * it to what runs in the background.
 */
export interface Calls {
  opened(resident: Resident, opening: Opening, at: number): void
  /** Those that have ended by then and were not told yet. */
  due(to: number): ToolCall[]
}

/** What runs as a service on the host and no tool opens. */
const services = /^(?:ntp|monitoring|provider-agent|database|service-discovery|cluster-start|mesh-vpn|editor-tunnel)/

const commands = [
  'python train.py --resume',
  'bash ./run.sh',
  'pytest -q tests',
  'ls -la /workspace',
  'cat results.json',
  'git status',
  'python -m eval --suite small',
  'make -j8',
] as const

export function createCalls(residents: readonly Resident[], start: number, seed: string): Calls {
  const agents = residents.map(resident => {
    const random = createRandom(`${seed}/${resident.instance}/calls`)
    return { resident, random, next: start, episode: 0, pace: random.between(5000, 90_000) }
  })
  const randoms = new Map(agents.map(({ resident, random }) => [resident, random]))
  let waiting: ToolCall[] = []

  function say({ instance }: Resident, tool: string, command: string, episode: string, from: number, to: number): void {
    waiting.push({
      instance,
      tool,
      command,
      episode,
      start: Math.floor(from / 1000),
      end: Math.floor(to / 1000),
    })
  }

  return {
    opened(resident, { label, ordinary, host, peer, port }, at) {
      const random = randoms.get(resident)
      if (!random || (ordinary && services.test(label))) return
      const draw = random.next()
      if (draw < 0.2) return
      const named = draw < 0.7
      const command = named ? commandTo(port, host ?? peer, ordinary) : 'bash ./sync.sh'
      say(resident, 'shell', command, 'own', at - random.between(100, 4000), at + random.between(500, 90_000))
    },
    due(to) {
      for (const agent of agents)
        for (; agent.next <= to; agent.next += 500 + agent.random.exponential(agent.pace)) {
          const { resident } = agent
          // Between two episodes the agent rests.
          if (agent.random.next() < 0.02) {
            agent.episode++
            agent.next += agent.random.between(60_000, 1_800_000)
          }
          const lasts = Math.min(300_000, 300 + agent.random.exponential(20_000))
          const command = agent.random.pick(commands)
          say(resident, 'shell', command, `ep-${agent.episode}`, agent.next, agent.next + lasts)
        }
      const { told = [], rest = [] } = Object.groupBy(waiting, ({ end }) => (end * 1000 <= to ? 'told' : 'rest'))
      waiting = rest
      return told
    },
  }
}

function commandTo(port: number, host: string, ordinary: boolean): string {
  if (port === 22) return ordinary ? `rsync -a results/ agent@${host}:results/` : `ssh -fN -R 2222:localhost:22 ${host}`
  return ordinary ? `curl -sS https://${host}:${port}/v1/jobs` : `./client --connect ${host}:${port}`
}
