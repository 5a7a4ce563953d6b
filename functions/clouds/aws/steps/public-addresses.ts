import {
  AssociateAddressCommand,
  DisassociateAddressCommand,
  type EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2'
import { PartialFailure } from '../../../core/errors.ts'
import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import type { NetworkInterface } from '../ec2-shapes.ts'
import { codeOf } from '../faults.ts'
import { attachedTo } from '../interfaces.ts'
import { awsCommand } from './command-line.ts'
import { coverText } from './cover.ts'
import { changeEach, tryEach } from './each.ts'
import { factList, restorePointOf } from './restore-point.ts'
import { type AddressSettings, throughPublicAddress, undeniedPeers } from './undenied.ts'

const id = 'public-addresses'

interface PublicAddress {
  readonly interface: string
  readonly primary: boolean
  readonly private: string
  readonly address: string
  readonly allocation?: string
  readonly association?: string
}

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
      { actions: ['ec2:DescribeNetworkInterfaces'], resources: ['*'] },
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

    async revert({ incident, signal }) {
      const dropped = factList(incident, id, 'dropped').flatMap(text => parseFact(text) ?? [])
      if (dropped.length === 0) return { done: [], unable: [], facts: {} }
      const held = await listHeld(incident.instance, signal)
      const wanted = dropped.filter(one => !held.some(({ address }) => address === one.address))
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

function publicAddressesOf(one: NetworkInterface): PublicAddress[] {
  return one.PrivateIpAddresses.flatMap(({ PrivateIpAddress, Association }) =>
    Association?.PublicIp
      ? {
          interface: one.NetworkInterfaceId,
          primary: one.Attachment?.DeviceIndex === 0,
          private: PrivateIpAddress,
          address: Association.PublicIp,
          ...(Association.AllocationId ? { allocation: Association.AllocationId } : {}),
          ...(Association.AssociationId ? { association: Association.AssociationId } : {}),
        }
      : [],
  )
}

/** `interface/private/public/allocation`, the last empty for an address that was not elastic. */
function factOf(one: PublicAddress): string {
  return `${one.interface}/${one.private}/${one.address}/${one.allocation ?? ''}`
}

function parseFact(text: string): PublicAddress | undefined {
  const [networkInterface, inside, address, allocation] = text.split('/')
  if (!networkInterface || !inside || !address) return undefined
  return { interface: networkInterface, primary: true, private: inside, address, ...(allocation ? { allocation } : {}) }
}

async function takeAway(client: EC2Client, one: PublicAddress, signal: AbortSignal): Promise<void> {
  if (!one.association) return assignPublic(client, one.interface, false, signal)
  try {
    await client.send(new DisassociateAddressCommand({ AssociationId: one.association }), { abortSignal: signal })
  } catch (thrown) {
    // An earlier try did it and its answer got lost.
    if (codeOf(thrown) !== 'InvalidAssociationID.NotFound') throw thrown
  }
}

/** The interface or the address is gone, or somebody else got the address meanwhile and keeps it. */
const NOT_TO_GIVE = ['InvalidNetworkInterfaceID.NotFound', 'InvalidAllocationID.NotFound', 'Resource.AlreadyAssociated']

/** Returns why the address cannot be given back, where it never can. */
async function giveBack(client: EC2Client, one: PublicAddress, signal: AbortSignal): Promise<string | undefined> {
  try {
    if (one.allocation)
      await client.send(
        new AssociateAddressCommand({
          AllocationId: one.allocation,
          NetworkInterfaceId: one.interface,
          PrivateIpAddress: one.private,
          AllowReassociation: false,
        }),
        { abortSignal: signal },
      )
    else await assignPublic(client, one.interface, true, signal)
    return undefined
  } catch (thrown) {
    const code = codeOf(thrown)
    if (!NOT_TO_GIVE.includes(code)) throw thrown
    return code
  }
}

async function assignPublic(client: EC2Client, target: string, assign: boolean, signal: AbortSignal): Promise<void> {
  await client.send(
    new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: target, AssociatePublicIpAddress: assign }),
    { abortSignal: signal },
  )
}
