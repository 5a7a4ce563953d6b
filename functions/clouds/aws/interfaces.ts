import {
  DescribeNetworkInterfacesCommand,
  type EC2Client,
  type Filter,
  ModifyNetworkInterfaceAttributeCommand,
} from '@aws-sdk/client-ec2'
import * as z from 'zod'
import { NetworkInterface } from './ec2-shapes.ts'

export async function listInterfaces(
  client: EC2Client,
  filters: readonly Filter[],
  signal: AbortSignal,
): Promise<NetworkInterface[]> {
  const interfaces: NetworkInterface[] = []
  let token: string | undefined
  do {
    const page = await client.send(
      new DescribeNetworkInterfacesCommand({
        ...(filters.length > 0 ? { Filters: [...filters] } : { MaxResults: 1000 }),
        ...(token ? { NextToken: token } : {}),
      }),
      { abortSignal: signal },
    )
    interfaces.push(...z.array(NetworkInterface).parse(page.NetworkInterfaces ?? []))
    token = page.NextToken
  } while (token)
  return interfaces
}

export function attachedTo(client: EC2Client, instance: string, signal: AbortSignal): Promise<NetworkInterface[]> {
  return listInterfaces(client, [{ Name: 'attachment.instance-id', Values: [instance] }], signal)
}

export function groupsOf({ Groups }: { readonly Groups: readonly { readonly GroupId: string }[] }): string[] {
  return Groups.map(({ GroupId }) => GroupId)
}

export async function setGroups(
  client: EC2Client,
  target: string,
  groups: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  await client.send(new ModifyNetworkInterfaceAttributeCommand({ NetworkInterfaceId: target, Groups: [...groups] }), {
    abortSignal: signal,
  })
}
