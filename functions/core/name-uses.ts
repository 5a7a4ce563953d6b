import type { NeighbourUse } from './denial.ts'
import { coverageKeys, isCovered, readCoverage } from './log-coverage.ts'
import { suffixOf } from './names.ts'
import { isUsedByOthers, NEIGHBOUR_PERIOD, type PeerUse } from './neighbours.ts'
import type { Ledger } from './ports.ts'

/**
 * Which names the instances of a network ask its resolver for: a deny there is felt by all of them. Kept like the peers
 * behind an ACL (neighbours.ts), by suffix, so that whoever uses anything under the name's suffix counts as its user.
 */

/** Stands where an ACL's id stands for peers. */
export function resolverOf(vpc: string): string {
  return `names/${vpc}`
}

/** `at` in milliseconds since the epoch. */
export function nameUse(vpc: string, owner: string, name: string, at: number): PeerUse {
  return { acl: resolverOf(vpc), owner, peer: suffixOf(name), at }
}

/** Queries come all the time: while they do, the network's query log is known to be there. */
export function nameCoverage(vpc: string, start: number, end: number) {
  return { acl: resolverOf(vpc), interface: vpc, start, end, skipped: false }
}

/** Whether an instance of the network other than this one asked for anything under the name's suffix in the last 24 h. */
export async function nameUsedByOthers(
  ledger: Ledger,
  { vpc, name, instance, now, period = NEIGHBOUR_PERIOD }: NameQuestion,
): Promise<NeighbourUse> {
  const resolver = resolverOf(vpc)
  const [used, coverage] = await Promise.all([
    isUsedByOthers(ledger, { acls: [resolver], peer: suffixOf(name), owner: instance, now, period }),
    Promise.all(coverageKeys(resolver).map(key => ledger.read(key))),
  ])
  if (used) return 'used'
  return isCovered(
    coverage.map(row => readCoverage(row?.value)),
    vpc,
    now,
    period,
  )
    ? 'unused'
    : 'unknown'
}

interface NameQuestion {
  readonly vpc: string
  readonly name: string
  readonly instance: string
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly period?: number
}
