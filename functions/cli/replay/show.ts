import Table from 'cli-table3'
import type { Judged } from '../../core/judging.ts'
import type { Found } from '../../core/replay.ts'
import type { Signal } from '../../core/signal.ts'
import { type Output, painted } from '../output.ts'

interface Summary {
  readonly records: number
  readonly malformed: number
  readonly bytes: number
  readonly conversations: number
  readonly findings: number
  readonly seconds: number
}

/** One minute in which the instance was judged. */
export interface Explained {
  /** Seconds since the epoch. */
  readonly at: number
  readonly judged: Judged
}

export interface Shown {
  finding(found: Found): void
  explained(instance: string, minutes: readonly Explained[]): void
  summary(summary: Summary): void
}

/** One object a line. */
export function shownAsJson(output: Output): Shown {
  const line = (value: unknown) => output.out(`${JSON.stringify(value)}\n`)
  return {
    finding: ({ instance, decision, score, signals }) =>
      line({ kind: 'finding', instance, decision, score, signals: signals.map(signalOf) }),
    explained(instance, minutes) {
      for (const { at, judged } of minutes)
        line({
          kind: 'minute',
          instance,
          at,
          decision: judged.decision ?? null,
          score: judged.score,
          signals: judged.signals.map(signalOf),
        })
    },
    summary: ({ records, malformed, bytes, conversations, findings, seconds }) =>
      line({ kind: 'summary', records, malformed, bytes, conversations, findings, seconds }),
  }
}

function signalOf({ rule, family, points, peer, port, protocol, first, last }: Signal) {
  return {
    rule,
    family,
    points,
    peer: peer ?? null,
    port: port ?? null,
    protocol: protocol ?? null,
    first,
    last,
  }
}

const COLOURS = { isolate: 'red', alert: 'yellow', watch: 'cyan' } as const
const PLAIN = {
  chars: {
    ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '', bottom: '', 'bottom-mid': '', 'bottom-left': '' },
    ...{
      'bottom-right': '',
      left: '',
      'left-mid': '',
      mid: '',
      'mid-mid': '',
      right: '',
      'right-mid': '',
      middle: '  ',
    },
  },
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
}

/** A table when all is read. What comes from a log is hostile, so control characters never reach the terminal. */
export function shownToPeople(output: Output): Shown {
  const found: Found[] = []
  return {
    finding: one => void found.push(one),
    explained(instance, minutes) {
      if (minutes.length === 0) output.out(`${printable(instance)}: nothing was seen of it.\n`)
      for (const { at, judged } of minutes) {
        const decision = judged.decision ?? '-'
        output.out(`${timeText(at)}  ${String(judged.score).padStart(4)}  ${decision}\n`)
        for (const signal of judged.signals) output.out(`    ${signalText(signal)}\n`)
      }
    },
    summary(summary) {
      if (found.length > 0) output.out(`${findingTable(found)}\n\n`)
      const { records, malformed, bytes, conversations, findings, seconds } = summary
      const count = (value: number) => value.toLocaleString('en')
      output.out(
        `${count(records)} records, ${count(malformed)} malformed, ${count(bytes)} bytes, ` +
          `${count(conversations)} conversations, ${count(findings)} findings in ${seconds} s\n`,
      )
    },
  }
}

function findingTable(found: readonly Found[]): string {
  const rows = new Table({ ...PLAIN, head: ['judged at', 'instance', 'decision', 'score', 'because'] })
  for (const { at, instance, decision, score, signals } of found)
    rows.push([
      timeText(at),
      printable(instance),
      painted(COLOURS[decision], decision),
      String(score),
      signals.slice(0, 6).map(signalText).join('\n'),
    ])
  return rows.toString()
}

function signalText({ family, points, peer, port, detail }: Signal): string {
  const to = peer === undefined ? '' : ` ${printable(peer)} ${port ?? ''}`
  return `${points > 0 ? '+' : ''}${points} ${family}${to}: ${printable(detail)}`
}

function timeText(seconds: number): string {
  return `${new Date(seconds * 1000).toISOString().slice(0, 16)}Z`
}

function printable(text: string): string {
  return [...text]
    .map(character => ((character.codePointAt(0) ?? 0) < 32 || character === '\x7f' ? '\ufffd' : character))
    .join('')
}
