import { ConfigurationError, InputError, quoted } from '../../core/errors.ts'
import { Policy } from '../../core/policy.ts'
import type { Log } from '../../core/ports.ts'
import { createReplay } from '../../core/replay.ts'
import { learnedHolders, statedHolders } from '../../core/replay-holders.ts'
import { RuleSettings } from '../../core/rule-settings.ts'
import { score } from '../../core/score.ts'
import { mostPoints } from '../../rules/glance.ts'
import { rules } from '../../rules/registry.ts'
import { sources } from '../../sources/registry.ts'
import { type Output, painted } from '../output.ts'
import { findFiles } from './files.ts'
import { readInventory } from './inventory.ts'
import { readInOrder } from './ordering.ts'
import { type Explained, type Shown, shownAsJson, shownToPeople } from './show.ts'
import { newTally } from './tally.ts'

export interface ReplayOptions {
  readonly source?: string
  readonly fields?: string
  readonly inventory?: string
  readonly since?: string
  readonly until?: string
  readonly json?: boolean
  readonly explain?: string
}

/** Replays logs through the functions' engine. False where some file could not be read; the rest is told nonetheless. */
export async function replay(patterns: readonly string[], options: ReplayOptions, output: Output): Promise<boolean> {
  const began = performance.now()
  const { source, fields, inventory, explain } = options
  const since = options.since === undefined ? 0 : timeOf(options.since)
  const until = options.until === undefined ? Number.POSITIVE_INFINITY : timeOf(options.until)
  if (source !== undefined && !Object.hasOwn(sources, source))
    throw new InputError(
      `Cannot replay: there is no source ${quoted(source)}; there are ${Object.keys(sources).join(', ')}`,
    )
  const [files, holdings] = await Promise.all([
    findFiles(patterns),
    inventory === undefined ? undefined : readInventory(inventory),
  ])
  const shown: Shown = options.json ? shownAsJson(output) : shownToPeople(output)
  const explained: Explained[] = []
  const engine = createReplay(
    {
      holdersOf: adopt => (holdings ? statedHolders(holdings, Policy.parse({})) : learnedHolders(adopt)),
      rules: RuleSettings.parse({}),
      dnsCovered: false,
      explained: explain,
    },
    { rules, score, mostPoints },
    {
      finding: found => shown.finding(found),
      judged: (at, judged) => void explained.push({ at, judged }),
      failed: logTo(output),
    },
  )
  const tally = newTally()
  const unreadable = await readInOrder(files, { source, fields, range: { since, until } }, engine.sink, tally, output)
  engine.end()
  if (explain !== undefined) shown.explained(explain, explained)
  const seconds = Math.round(performance.now() - began) / 1000
  shown.summary({ ...engine.totals(), records: tally.records, malformed: tally.malformed, bytes: tally.bytes, seconds })
  if (tally.malformed > 0 && !options.json)
    for (const reason of tally.reasons) output.err(`  ${painted('yellow', 'malformed', process.stderr)} ${reason}\n`)
  for (const reason of unreadable) output.err(`${painted('red', 'firebreak:', process.stderr)} ${reason}\n`)
  return unreadable.length === 0
}

function logTo(output: Output): Log {
  const say = (message: string, fields?: Record<string, unknown>) =>
    output.err(`${message} ${JSON.stringify(fields ?? {})}\n`)
  return { info: say, warn: say, error: say }
}

/** Seconds since the epoch of a time as people write it, or of the number itself. @throws ConfigurationError */
function timeOf(text: string): number {
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Date.parse(text) / 1000
  if (Number.isFinite(seconds)) return seconds
  throw new ConfigurationError(`Cannot replay: ${quoted(text)} is no time such as 2026-11-24T06:00:00Z`)
}
