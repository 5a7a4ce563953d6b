import {
  AssociateAddressCommand,
  DescribeAddressesCommand,
  DisassociateAddressCommand,
  type EC2Client,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2'
import type { NetworkInterface } from '../ec2-shapes.ts'
import { codeOf } from '../faults.ts'

/** Public IPv4 addresses of interfaces: who has which, taken away and given back. */

export interface PublicAddress {
  readonly interface: string
  readonly primary: boolean
  readonly private: string
  readonly address: string
  readonly allocation?: string
  readonly association?: string
}

export function publicAddressesOf(one: NetworkInterface): PublicAddress[] {
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
export function factOf(one: PublicAddress): string {
  return `${one.interface}/${one.private}/${one.address}/${one.allocation ?? ''}`
}

export function parseFact(text: string): PublicAddress | undefined {
  const [networkInterface, inside, address, allocation] = text.split('/')
  if (!networkInterface || !inside || !address) return undefined
  return { interface: networkInterface, primary: true, private: inside, address, ...(allocation ? { allocation } : {}) }
}

export async function takeAway(client: EC2Client, one: PublicAddress, signal: AbortSignal): Promise<void> {
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
export async function giveBack(
  client: EC2Client,
  one: PublicAddress,
  signal: AbortSignal,
): Promise<string | undefined> {
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

export interface Allocation {
  readonly allocation: string
  /** The interface that has the address; absent: none has. */
  readonly interface?: string
}

/** Those of the elastic addresses that the account still has. */
export async function allocationsOf(
  client: EC2Client,
  ids: readonly string[],
  signal: AbortSignal,
): Promise<Allocation[]> {
  // By a filter: an id that is gone would fail the call for all.
  const { Addresses = [] } = await client.send(
    new DescribeAddressesCommand({ Filters: [{ Name: 'allocation-id', Values: [...ids] }] }),
    { abortSignal: signal },
  )
  return Addresses.flatMap(({ AllocationId, NetworkInterfaceId, AssociationId }) =>
    AllocationId
      ? {
          allocation: AllocationId,
          ...(AssociationId ? { interface: NetworkInterfaceId ?? 'an instance outside a VPC' } : {}),
        }
      : [],
  )
}
