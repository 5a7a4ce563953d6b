import type { AclEntry } from '../../../functions/sandbox/cloud.ts'
import type { State } from './moment.ts'
import { withoutMade } from './points.ts'

/** When something began or will end, and what S3 and the DNS firewall call it: two runs that do the same differ in it. */
const OF_ONE_RUN = new Set([
  ...['startedAt', 'completesAt', 'storedAt', 'launchedAt', 'settlesAt', 'drainsUntil', 'failingSince', 'until', 'at'],
  ...['version', 'request', 'bytes', 'sha256'],
])

/** States that pass by themselves (Amazon EC2 Auto Scaling User Guide, "instance lifecycle"; Amazon EBS snapshots). */
const PASSING: Readonly<Record<string, string>> = {
  Pending: 'InService',
  EnteringStandby: 'Standby',
  pending: 'settled',
  completed: 'settled',
  running: 'settled',
}

/** The evidence: a release keeps it. */
const EVIDENCE = ['snapshots', 'buckets']

/** Of autoscaling groups: they go on keeping their capacity while an instance is in standby, and more of it afterwards. */
const SCALED = ['autoscaling', 'targetGroups', 'balancers']

/**
 * The cloud as text, line by line, so that two that ended in the same state are equal whatever lay between. Without what
 * autoscaling groups launched since: it is theirs.
 */
export function linesOf({ snapshots, acls, ...rest }: State, before: State): string[] {
  const project = (value: unknown) => plain(value, text => withoutMade(text, id => isIn(before, id)))
  const taken = [...snapshots.values()].map(({ id: _made, ...one }) => `snapshots: ${textOf(project(one))}`)
  const filters = [...acls.values()].map(acl => `acls: ${textOf({ ...acl, entries: effective(acl.entries) })}`)
  const tables = Object.entries(rest).flatMap(([name, held]) => linesIn(name, knownIn(held, before), project))
  return [...taken, ...filters, ...tables].toSorted()
}

/** What stood before and must stand again, to the byte. */
export function exactLines(state: State, before: State): string[] {
  return Object.entries(state)
    .filter(([name]) => ![...EVIDENCE, ...SCALED].includes(name))
    .flatMap(([name, held]) => linesIn(name, knownIn(held, before), value => value))
}

function knownIn(held: unknown, before: State): unknown {
  if (!(held instanceof Map)) return held
  return new Map([...held].filter(([key]) => typeof key === 'string' && isIn(before, key)))
}

export function isIn(state: State, id: string): boolean {
  return Object.values(state).some(held => held instanceof Map && held.has(id))
}

function linesIn(name: string, held: unknown, project: (value: unknown) => unknown): string[] {
  if (!(held instanceof Map)) return [`${name}: ${textOf(project(held))}`]
  return [...held].map(([key, one]) => `${name} ${project(key)}: ${textOf(project(one))}`)
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, one) => (one instanceof Map ? [...one] : one))
}

/** Without what is of one run, and what a list holds in an order of its own. */
function plain(value: unknown, rename: (text: string) => string): unknown {
  if (typeof value === 'string') return PASSING[value] ?? rename(value)
  if (value instanceof Map) return plain([...value], rename)
  if (Array.isArray(value)) return inOrder(value.filter(stays).map(one => plain(one, rename)))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, one]) => (OF_ONE_RUN.has(name) ? [] : [[name, plain(one, rename)]])),
  )
}

/** Whether all that one says, whenever it was said, the other says as well. */
export function agrees(one: unknown, other: unknown): boolean {
  if (Array.isArray(one)) {
    if (!Array.isArray(other) || one.length !== other.length) return false
    return one.every((held, index) => agrees(held, other[index]))
  }
  if (typeof one !== 'object' || one === null) return one === other
  if (typeof other !== 'object' || other === null) return false
  const said = new Map<string, unknown>(Object.entries(other))
  return Object.entries(one).every(([name, held]) => OF_ONE_RUN.has(name) || agrees(held, said.get(name)))
}

/** A target that drains is registered no more, and soon forgotten. */
function stays(value: unknown): boolean {
  return typeof value !== 'object' || value === null || !('drainsUntil' in value)
}

/** Without what was made since. */
function inOrder(all: readonly unknown[]): unknown[] {
  const values = all.filter(value => !textOf(value).includes('-*"'))
  const texts = new Map(values.map(value => [value, textOf(value)]))
  return values.toSorted((a, b) => ((texts.get(a) ?? '') < (texts.get(b) ?? '') ? -1 : 1))
}

/**
 * What the entries do, in the order in which they are tried. One that repeats another does nothing: where an answer got lost
 * the next number is claimed while the last one is looked up.
 */
function effective(entries: readonly AclEntry[]): string[] {
  const ordered = entries.toSorted((a, b) => a.number - b.number)
  const texts = ordered.map(({ number: _place, ...entry }) => JSON.stringify(entry))
  const runs: { allow: boolean; texts: Set<string> }[] = []
  for (const [index, { allow }] of ordered.entries()) {
    const last = runs.at(-1)
    const run = last?.allow === allow ? last : { allow, texts: new Set<string>() }
    if (run !== last) runs.push(run)
    run.texts.add(texts[index] ?? '')
  }
  return runs.flatMap(run => [...run.texts].toSorted())
}

const MAX_TOLD = 1200

/** The first few lines in which they differ. */
export function difference(is: readonly string[], wanted: readonly string[]): string[] {
  const [all, other] = [new Set(is), new Set(wanted)]
  return [
    ...wanted.filter(line => !all.has(line)).map(line => `missing ${line.slice(0, MAX_TOLD)}`),
    ...is.filter(line => !other.has(line)).map(line => `too much ${line.slice(0, MAX_TOLD)}`),
  ].slice(0, 4)
}
