import { DeleteNetworkAclEntryCommand, type EC2Client } from '@aws-sdk/client-ec2'
import type { AclEntry } from '../../../core/description.ts'
import { PartialFailure, reasonOf } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import { type AclEntries, readAclEntries } from '../acls.ts'
import type { Ec2 } from '../ec2.ts'
import { codeOf } from '../faults.ts'
import { type Claimed, claimDeny } from './acl-claims.ts'
import { type Deny, entryText, freeNumbers, isDenied, ownNumbers, parseEntry, rangeOf } from './acl-plan.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { changeEach } from './each.ts'
import { factList, isFresh, restorePointOf } from './restore-point.ts'

export const DENY_PEERS = 'deny-peers'

/**
 * Denies the peers that the incident may deny, one by one and in both directions, in the network ACLs of the instance's
 * subnets. A network ACL keeps no state, so this also ends the connections that a group swap leaves alive.
 */
export function denyPeers(ec2: Ec2): Step {
  const readEntries = (acls: readonly string[], signal: AbortSignal) => readAclEntries(ec2.standard(), acls, signal)

  return {
    id: DENY_PEERS,
    stage: 'contain',
    permissions: [
      { actions: ['ec2:DescribeNetworkAcls'], resources: ['*'] },
      // Nothing says of an ACL that it serves in-scope subnets: one that is shared bears no tag of ours.
      {
        actions: ['ec2:CreateNetworkAclEntry', 'ec2:DeleteNetworkAclEntry'],
        resources: ['arn:aws:ec2:*:*:network-acl/*'],
      },
    ],

    covers: incident => coverText(allowedDenials(incident).map(({ acl, peer }) => `${acl} ${peer}`)),

    async apply(work) {
      const { incident, signal } = work
      const known = factList(incident, DENY_PEERS, 'entries')
      const denials = allowedDenials(incident)
      if (denials.length === 0) return { done: [], unable: [], facts: { entries: known, undenied: [], refused: [] } }
      const before: AclEntries = new Map(restorePointOf(incident).acls.map(({ id, entries }) => [id, entries]))
      const live =
        isFresh(work) && denials.every(({ acl }) => before.has(acl))
          ? before
          : await readEntries(
              denials.map(({ acl }) => acl),
              signal,
            )

      const planned = new Map<string, Set<number>>()
      const settled = await Promise.allSettled(
        bothWays(incident).map(deny => {
          const entries = live.get(deny.acl)
          // No entries would read as "denied": the unnumbered last rule denies.
          if (!entries) return Promise.reject(new Error(`${deny.acl} does not exist any more`))
          const earlier = ownNumbers(before.get(deny.acl) ?? [], deny)
          // Found standing but not there before: an earlier try made it, and died before it could say so.
          const found = ownNumbers(entries, deny).filter(number => !earlier.includes(number))
          if (isDenied(entries, deny)) return Promise.resolve<Claimed>({ deny, made: found })
          const direction = `${deny.acl} ${deny.egress}`
          const taken = planned.get(direction) ?? new Set()
          planned.set(direction, taken)
          const numbers = reserve(freeNumbers(entries, deny, taken), taken)
          return claimDeny(ec2.standard(), deny, numbers, earlier, signal)
        }),
      )

      const claimed = settled.flatMap(one => (one.status === 'fulfilled' ? [one.value] : []))
      const entries = claimed.flatMap(({ deny, made }) => made.map(number => entryText(deny, number)))
      // A deny in either direction ends a conversation, since an ACL keeps no state.
      const undenied = denials.filter(({ acl, peer }) => {
        const both = claimed.filter(({ deny }) => deny.acl === acl && deny.peer === peer)
        return both.length > 0 && both.every(({ refused }) => refused !== undefined)
      })
      const done = entries.filter(text => !known.includes(text)).map(describeEntry)
      const facts = {
        entries: [...new Set([...known, ...entries])],
        undenied: undenied.map(({ acl, peer }) => `${acl} ${peer}`),
        refused: claimed.flatMap(({ deny, refused }) => (refused === undefined ? [] : nameOf(deny))),
      }
      const failed = settled.flatMap(one => (one.status === 'rejected' ? [reasonOf(one.reason)] : []))
      if (failed.length > 0)
        throw new PartialFailure(`Cannot deny peers: ${[...new Set(failed)].join('; ')}`, { done, facts })
      return { done, unable: claimed.flatMap(({ refused }) => refused ?? []), facts }
    },

    async verify({ incident, signal }) {
      const refused = factList(incident, DENY_PEERS, 'refused')
      const wanted = bothWays(incident).filter(deny => !refused.includes(nameOf(deny)))
      if (wanted.length === 0) return { holds: true, notes: [] }
      const live = await readEntries(
        wanted.map(({ acl }) => acl),
        signal,
      )
      const notes = wanted
        .filter(deny => {
          const entries = live.get(deny.acl)
          return !entries || !isDenied(entries, deny)
        })
        .map(deny => `${nameOf(deny)} is not denied`)
      return { holds: notes.length === 0, notes }
    },

    async drifted({ incident, signal }) {
      const entries = ownEntries(incident)
      if (entries.length === 0) return []
      const live = await readEntries(
        entries.map(({ acl }) => acl),
        signal,
      )
      return entries.flatMap(entry => {
        const standing = live.get(entry.acl) ?? []
        const now = standing.find(({ number, egress }) => number === entry.number && egress === entry.egress)
        // One that is gone is put back already.
        if (!now || ownNumbers([now], entry).length > 0) return []
        return {
          resource: `${entry.egress ? 'egress' : 'ingress'} rule ${entry.number} of ${entry.acl}`,
          left: `denying ${rangeOf(entry.peer)}`,
          found: describeRule(now),
        }
      })
    },

    async revert({ incident, signal }) {
      const entries = ownEntries(incident)
      if (entries.length === 0) return { done: [], unable: [], facts: {} }
      const live = await readEntries(
        entries.map(({ acl }) => acl),
        signal,
      )
      const standing = entries.filter(entry => ownNumbers(live.get(entry.acl) ?? [], entry).includes(entry.number))
      const done = await changeEach(
        'delete',
        standing,
        entry => entryText(entry, entry.number),
        async entry => {
          await remove(ec2.standard(), entry, entry.number, signal)
          return `Deleted ${entry.egress ? 'egress' : 'ingress'} rule ${entry.number} of ${entry.acl}, which denied ${rangeOf(entry.peer)}`
        },
      )
      const gone = entries.filter(entry => !standing.includes(entry))
      return {
        done,
        unable: gone.map(
          entry => `Rule ${entry.number} of ${entry.acl} denies ${rangeOf(entry.peer)} no more, so it is left as it is`,
        ),
        facts: {},
      }
    },

    undo(incident) {
      const lines = ownEntries(incident).map(({ acl, egress, number }) => {
        const words = ['delete-network-acl-entry', '--network-acl-id', acl, '--rule-number', String(number)]
        return awsCommand(incident, 'ec2', ...words, egress ? '--egress' : '--ingress')
      })
      return lines.length > 0 ? ['# Not a rule that the ticket of another open incident names, too', ...lines] : []
    },
  }
}

function allowedDenials({ denials }: Incident) {
  return denials.filter(({ allowed }) => allowed)
}

function bothWays(incident: Incident): Deny[] {
  return allowedDenials(incident).flatMap(({ acl, peer }) => [true, false].map(egress => ({ acl, peer, egress })))
}

function nameOf({ acl, peer, egress }: Deny): string {
  return `${acl} ${egress ? 'egress' : 'ingress'} ${peer}`
}

/** Marks the numbers that it gives out, so that peers of the same incident do not claim the same one. */
function* reserve(numbers: Iterable<number>, taken: Set<number>): Generator<number> {
  for (const number of numbers)
    if (!taken.has(number)) {
      taken.add(number)
      yield number
    }
}

function ownEntries(incident: Incident) {
  return factList(incident, DENY_PEERS, 'entries').flatMap(text => parseEntry(text) ?? [])
}

function describeRule({ allow, cidr, protocol, ports }: AclEntry): string {
  const what = protocol === '-1' ? '' : `, protocol ${protocol}`
  return `${allow ? 'allowing' : 'denying'} ${cidr}${what}${ports ? `, ports ${ports.from} to ${ports.to}` : ''}`
}

function describeEntry(text: string): string {
  const entry = parseEntry(text)
  return entry
    ? `Denied ${rangeOf(entry.peer)} in ${entry.acl}, ${entry.egress ? 'egress' : 'ingress'} rule ${entry.number}`
    : text
}

async function remove(client: EC2Client, { acl, egress }: Deny, number: number, signal: AbortSignal): Promise<void> {
  try {
    await client.send(new DeleteNetworkAclEntryCommand({ NetworkAclId: acl, Egress: egress, RuleNumber: number }), {
      abortSignal: signal,
    })
  } catch (thrown) {
    if (codeOf(thrown) !== 'InvalidNetworkAclEntry.NotFound') throw thrown
  }
}
