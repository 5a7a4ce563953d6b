import { CreateNetworkAclEntryCommand, type EC2Client } from '@aws-sdk/client-ec2'
import { reasonOf } from '../../../core/errors.ts'
import { readAclEntries } from '../acls.ts'
import { codeOf } from '../faults.ts'
import { type Deny, freeNumbers, isDenied, ownNumbers, rangeOf } from './acl-plan.ts'

/** After the number planned first and the next one, each further one costs a look at the ACL. */
const MAX_CLAIMS = 8

/** What came of one deny. `made` are the numbers of entries that stand for it and were not there before the incident. */
export interface Claimed {
  readonly deny: Deny
  readonly made: readonly number[]
  /** Why there is none, where there is none. */
  readonly refused?: string
}

/**
 * Claims a number by creating the entry. A number that is taken holds either this very deny (an earlier try whose answer
 * got lost) or somebody else's: the next one is claimed while that is looked up, so that no round trip is spent on it.
 * `before` are the numbers of entries for the same peer that somebody else made.
 */
export async function claimDeny(
  client: EC2Client,
  deny: Deny,
  numbers: Iterator<number>,
  before: readonly number[],
  signal: AbortSignal,
): Promise<Claimed> {
  const made = new Set<number>()
  const tryNext = async (from: Iterator<number>): Promise<'made' | 'taken' | 'none' | 'quota'> => {
    const { value: number, done } = from.next()
    if (done) return 'none'
    const outcome = await create(client, deny, number, signal)
    if (outcome === 'made') made.add(number)
    return outcome
  }

  let next = numbers
  let outcome = await tryNext(next)
  for (let claims = 1; outcome === 'taken' && claims < MAX_CLAIMS; claims++) {
    const [again, live] = await Promise.all([tryNext(next), readAclEntries(client, [deny.acl], signal)])
    const entries = live.get(deny.acl) ?? []
    for (const number of ownNumbers(entries, deny)) if (!before.includes(number)) made.add(number)
    if (made.size > 0 || isDenied(entries, deny)) return { deny, made: [...made] }
    outcome = again
    next = freeNumbers(entries, deny, new Set())
  }
  if (outcome === 'made') return { deny, made: [...made] }
  if (outcome === 'taken') throw new Error(`${deny.peer} in ${deny.acl}: other writers took ${MAX_CLAIMS} numbers`)
  return { deny, made: [], refused: refusalOf(deny, outcome) }
}

function refusalOf({ acl, egress, peer }: Deny, outcome: 'none' | 'quota'): string {
  const where = `${peer} is not denied in ${acl}, ${egress ? 'egress' : 'ingress'}`
  return outcome === 'quota'
    ? `${where}: the ACL's quota of rules is full (NetworkAclEntryLimitExceeded)`
    : `${where}: no number is free below the rule that allows it`
}

async function create(
  client: EC2Client,
  { acl, egress, peer }: Deny,
  number: number,
  signal: AbortSignal,
): Promise<'made' | 'taken' | 'quota'> {
  const range = rangeOf(peer)
  try {
    await client.send(
      new CreateNetworkAclEntryCommand({
        NetworkAclId: acl,
        Egress: egress,
        RuleNumber: number,
        RuleAction: 'deny',
        Protocol: '-1',
        ...(peer.includes(':') ? { Ipv6CidrBlock: range } : { CidrBlock: range }),
      }),
      { abortSignal: signal },
    )
    return 'made'
  } catch (thrown) {
    if (codeOf(thrown) === 'NetworkAclEntryAlreadyExists') return 'taken'
    if (codeOf(thrown) === 'NetworkAclEntryLimitExceeded') return 'quota'
    throw new Error(`${peer} in ${acl}: ${reasonOf(thrown)}`, { cause: thrown })
  }
}
