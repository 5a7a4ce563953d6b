import { PartialFailure } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Drift, Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { attachedTo } from '../interfaces.ts'
import {
  allocationsOf,
  factOf,
  giveBack,
  type PublicAddress,
  parseFact,
  publicAddressesOf,
  takeAway,
} from './addresses.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { changeEach, tryEach } from './each.ts'
import { factList, restorePointOf } from './restore-point.ts'
import { type AddressSettings, throughPublicAddress, undeniedPeers } from './undenied.ts'

const id = 'public-addresses'

/**
 * Takes the instance's own public IPv4 addresses away where a peer is external and no ACL may deny it. It touches nobody
 * else, and without an address the internet gateway passes nothing, whatever is tracked. An elastic one comes back with
 * the release; one that EC2 assigned never does, so it goes only where that is configured.
 */
export function publicAddresses(ec2: Ec2, { dropAssigned }: AddressSettings): Step {
  const listHeld = async (instance: string, signal: AbortSignal): Promise<PublicAddress[]> =>
    (await attachedTo(ec2.standard(), instance, signal)).flatMap(publicAddressesOf)

  /** What EC2 assigned in place of an address since the cut was never the instance's own, so that nothing is lost with it. */
  function mayGo(incident: Incident): (one: PublicAddress) => boolean {
    const own = ownAddresses(incident)
    return ({ allocation, address }) => allocation !== undefined || dropAssigned || !own.has(address)
  }

  return {
    id,
    stage: 'contain',
    permissions: [
      { actions: ['ec2:DescribeNetworkInterfaces', 'ec2:DescribeAddresses'], resources: ['*'] },
      {
        actions: ['ec2:DisassociateAddress', 'ec2:AssociateAddress'],
        resources: [
          'arn:aws:ec2:*:*:elastic-ip/*',
          'arn:aws:ec2:*:*:network-interface/*',
          'arn:aws:ec2:*:*:instance/*',
        ],
      },
      { actions: ['ec2:ModifyNetworkInterfaceAttribute'], resources: ['arn:aws:ec2:*:*:network-interface/*'] },
    ],
    verifyPermissions: [{ actions: ['ec2:DescribeNetworkInterfaces'], resources: ['*'] }],

    covers: incident => coverText(throughPublicAddress(incident)),

    async apply({ incident, signal }) {
      const dropped = factList(incident, id, 'dropped')
      if (throughPublicAddress(incident).length === 0) {
        const beyond = undeniedPeers(incident)
        return {
          done: [],
          unable: beyond.length > 0 ? [`No public IPv4 address of the instance leads to ${beyond.join(', ')}`] : [],
          facts: { dropped },
        }
      }
      const held = await listHeld(incident.instance, signal)
      const going = held.filter(mayGo(incident))
      const { results: done, failure } = await tryEach(
        'take away',
        going,
        ({ address }) => address,
        async one => {
          await takeAway(ec2.standard(), one, signal)
          return `Took ${one.allocation ? 'elastic' : 'public'} address ${one.address} from ${one.interface}`
        },
      )
      const own = ownAddresses(incident)
      const owned = going.filter(({ allocation, address }) => allocation !== undefined || own.has(address))
      const facts = { dropped: [...new Set([...dropped, ...owned.map(factOf)])] }
      if (failure) throw new PartialFailure(failure.message, { done, facts })
      const unable = held
        .filter(one => !going.includes(one))
        .map(one => `${one.address} of ${one.interface} is not elastic and would not come back, so it stays`)
      return { done, unable, facts }
    },

    async verify({ incident, signal }) {
      if (throughPublicAddress(incident).length === 0) return { holds: true, notes: [] }
      const held = (await listHeld(incident.instance, signal)).filter(mayGo(incident))
      return {
        holds: held.length === 0,
        notes: held.map(one => `${one.interface} has the public address ${one.address}`),
      }
    },

    async drifted({ incident, signal }) {
      const elastic = droppedOf(incident).filter(({ allocation }) => allocation !== undefined)
      if (elastic.length === 0) return []
      const ids = elastic.flatMap(({ allocation }) => allocation ?? [])
      const [held, allocated] = await Promise.all([
        listHeld(incident.instance, signal),
        allocationsOf(ec2.standard(), ids, signal),
      ])
      return elastic.flatMap((one): Drift[] => {
        const resource = `elastic address ${one.address}`
        const now = allocated.find(({ allocation }) => allocation === one.allocation)
        if (!now) return [{ resource, left: 'associated with nothing', found: 'released' }]
        if (now.interface !== undefined && now.interface !== one.interface)
          return [{ resource, left: 'associated with nothing', found: `associated with ${now.interface}` }]
        const rival = rivalOf(one, held)
        return rival
          ? [{ resource: one.interface, left: 'without a public address', found: `with ${rival.address}` }]
          : []
      })
    },

    async revert({ incident, signal }) {
      const dropped = droppedOf(incident)
      if (dropped.length === 0) return { done: [], unable: [], facts: {} }
      const held = await listHeld(incident.instance, signal)
      const missing = dropped.filter(one => !held.some(({ address }) => address === one.address))
      // An elastic one would push off whatever elastic one somebody put in its place.
      const displaced = missing.flatMap(one => rivalOf(one, held) ?? [])
      const wanted = missing.filter(one => !rivalOf(one, held))
      const outcomes = await changeEach(
        'give back',
        wanted,
        ({ address }) => address,
        async one => ({ one, refused: await giveBack(ec2.standard(), one, signal) }),
      )
      const given = outcomes.filter(({ refused }) => refused === undefined).map(({ one }) => one)
      return {
        done: given.map(one =>
          one.allocation
            ? `Gave elastic address ${one.address} back to ${one.interface}`
            : `Asked for a public address on ${one.interface} again`,
        ),
        unable: [
          ...displaced.map(
            rival => `${rival.interface} has ${rival.address} by now, so it keeps it and gets no other address back`,
          ),
          ...given
            .filter(({ allocation }) => !allocation)
            .map(({ address }) => `Public address ${address} was not elastic, so another one takes its place`),
          ...outcomes.flatMap(({ one, refused }) =>
            refused === undefined ? [] : `${one.address} cannot be given back to ${one.interface} (${refused})`,
          ),
        ],
        facts: {},
      }
    },

    undo: incident =>
      factList(incident, id, 'dropped').flatMap(text => {
        const one = parseFact(text)
        if (!one) return []
        const [target, inside] = [
          ['--network-interface-id', one.interface],
          ['--private-ip-address', one.private],
        ] as const
        return one.allocation
          ? awsCommand(incident, 'ec2', 'associate-address', '--allocation-id', one.allocation, ...target, ...inside)
          : awsCommand(
              incident,
              'ec2',
              'modify-network-interface-attribute',
              ...target,
              '--associate-public-ip-address',
            )
      }),
  }
}

function ownAddresses(incident: Incident): ReadonlySet<string> {
  const { interfaces } = restorePointOf(incident)
  return new Set(interfaces.flatMap(one => one.publicAddresses.map(({ address }) => address)))
}

function droppedOf(incident: Incident): PublicAddress[] {
  return factList(incident, id, 'dropped').flatMap(text => parseFact(text) ?? [])
}

/** Another elastic address where the dropped one was. What EC2 assigned there gives way to an elastic one by itself. */
function rivalOf(dropped: PublicAddress, held: readonly PublicAddress[]): PublicAddress | undefined {
  return held.find(
    one =>
      one.interface === dropped.interface &&
      one.private === dropped.private &&
      one.allocation !== undefined &&
      one.allocation !== dropped.allocation,
  )
}
