import type { Finding } from '../../functions/core/finding.ts'
import { RuleSettings } from '../../functions/core/rule-settings.ts'
import { type Case, createFleet, type FleetOptions } from './fleet.ts'
import { createJudge } from './judge.ts'
import { createTraffic } from './traffic.ts'

export interface Outcome extends Case {
  readonly seed: string
  readonly dns: boolean
  readonly traces: boolean
  /** When the first log of it arrived, and the first that shows it in use; `undefined`: it never did. */
  readonly shownAt: number | undefined
  readonly usedAt: number | undefined
  /** Some log that is read says its name or what it is. */
  readonly identified: boolean
  readonly alertedAt: number | undefined
  readonly cutAt: number | undefined
  /** The signals of the best decision, for a person. */
  readonly why: string
}

/** A finding that rests on nobody's breakout. */
interface FalseFinding {
  readonly label: string
  readonly decision: 'alert' | 'isolate'
  readonly why: string
  readonly seed: string
  readonly dns: boolean
  readonly traces: boolean
}

export interface Evaluation {
  readonly outcomes: readonly Outcome[]
  readonly falseFindings: readonly FalseFinding[]
  /** Instance-days without a breakout, by the habit. */
  readonly benignDays: ReadonlyMap<string, number>
  readonly traces: boolean
  readonly flows: number
  readonly findings: number
}

export interface EvaluationOptions extends FleetOptions {
  readonly dns: boolean
  readonly traces: boolean
  /** Only instances are judged whose habit or breakout matches this pattern; empty for all. */
  readonly only: string
  /** Which part of the instances is judged, of how many; each part sees the whole fleet's traffic. */
  readonly part: number
  readonly parts: number
}

/** What an operator knows of such a fleet: the provider's own ranges, and the tunnels that he sanctions. */
const known = {
  providerRanges: ['198.51.100.240/28'],
  allow: { names: ['controlplane.tailscale.com', 'rel.tunnels.api.visualstudio.com'] },
}

const DAY = 86_400_000

export async function evaluate(options: EvaluationOptions): Promise<Evaluation> {
  const { seed, lasts, dns, traces, only, part, parts } = options
  const fleet = createFleet(options)
  const traffic = createTraffic({ fleet, seed, lasts, traces })
  const residents = fleet.residents.filter(
    ({ habit, case: own }, index) => index % parts === part && new RegExp(only).test(own?.kind ?? habit),
  )
  const judged = new Set(residents.map(({ instance }) => instance))
  const judge = createJudge({ fleet, settings: RuleSettings.parse(known), dnsCovered: dns, judged })
  const found: Finding[] = []
  let flows = 0
  for (const { at, delivery } of traffic.run()) {
    flows += part === 0 ? delivery.flows.length : 0
    found.push(...(await judge.take(delivery, at)))
  }
  const outcomes: Outcome[] = []
  const falseFindings: FalseFinding[] = []
  const benignDays = new Map<string, number>()
  for (const resident of residents) {
    const own = found.filter(({ instance }) => instance === resident.instance)
    const isTrue = (finding: Finding) =>
      resident.case !== undefined &&
      (finding.peers.length === 0 ||
        finding.peers.some(({ address, port }) =>
          isBreakout(traffic.labels.get(`${resident.instance} ${address} ${port}`)),
        ))
    for (const finding of own.filter(one => !isTrue(one)))
      falseFindings.push({
        label: labelOf(finding, traffic.labels) ?? resident.habit,
        decision: finding.decision === 'isolate' ? 'isolate' : 'alert',
        why: whyOf(finding),
        seed,
        dns,
        traces,
      })
    if (!resident.case) {
      if (!resident.exempt) benignDays.set(resident.habit, (benignDays.get(resident.habit) ?? 0) + lasts / DAY)
      continue
    }
    const right = own.filter(isTrue)
    const shown = traffic.shown.get(resident.instance)
    const best = right.find(({ decision }) => decision === 'isolate') ?? right.at(-1)
    outcomes.push({
      ...resident.case,
      seed,
      dns,
      traces,
      shownAt: shown?.first,
      usedAt: shown?.used,
      identified: shown !== undefined && (shown.byFirewall || (dns && shown.byResolver)),
      alertedAt: right[0]?.at,
      cutAt: right.find(({ decision }) => decision === 'isolate')?.at,
      why: best ? whyOf(best) : '',
    })
  }
  return { outcomes, falseFindings, benignDays, traces, flows, findings: found.length }
}

function isBreakout(label: string | undefined): boolean {
  return label !== undefined && / to \d/.test(label)
}

function labelOf({ instance, peers }: Finding, labels: ReadonlyMap<string, string>): string | undefined {
  return peers
    .map(({ address, port }) => labels.get(`${instance} ${address} ${port}`))
    .find(label => label !== undefined && !isBreakout(label))
}

function whyOf({ score, signals }: Finding): string {
  return `${score}: ${signals.map(({ rule, family, points, detail }) => `${rule} ${family} ${points} ${detail}`).join(' | ')}`
}
