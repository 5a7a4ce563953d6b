import {
  DescribeInstanceAttributeCommand,
  DescribeInstancesCommand,
  DescribeNetworkAclsCommand,
  DescribeNetworkInterfacesCommand,
  DescribeRouteTablesCommand,
  DescribeSecurityGroupsCommand,
  DescribeVolumesCommand,
  type EC2Client,
  type Filter,
  type InstanceAttributeName,
} from '@aws-sdk/client-ec2'
import type { Incident } from '../../../core/incident.ts'
import type { Permission } from '../../../core/ports.ts'
import type { Ec2 } from '../ec2.ts'
import { answerOf, jsonOf, type Part } from './evidence-part.ts'
import { restorePointOf } from './restore-point.ts'

/** A page has up to 1000 of a kind; no instance is in so much. */
const MAX_PAGES = 20

/** Of what DescribeInstances leaves out. Without `userData`: it often holds secrets, and evidence is read by more people. */
const ATTRIBUTES: readonly InstanceAttributeName[] = [
  'disableApiTermination',
  'disableApiStop',
  'instanceInitiatedShutdownBehavior',
]

/** How the instance and its network stood before the cut, and what EC2 says of them now. */
export function configurationParts(ec2: Ec2): Part[] {
  function part(
    name: string,
    describe: (client: EC2Client, incident: Incident, signal: AbortSignal) => Promise<unknown>,
  ): Part {
    return {
      name: `${name}.json`,
      type: 'application/json',
      collect: async (incident, signal) => ({ bytes: jsonOf(await describe(ec2.adaptive(), incident, signal)) }),
    }
  }

  return [
    part('restore-point', async (_client, incident) => restorePointOf(incident)),
    part('instance', async (client, { instance }, abortSignal) =>
      answerOf(await client.send(new DescribeInstancesCommand({ InstanceIds: [instance] }), { abortSignal })),
    ),
    part('instance-attributes', (client, { instance }, abortSignal) =>
      Promise.all(
        ATTRIBUTES.map(async Attribute =>
          answerOf(
            await client.send(new DescribeInstanceAttributeCommand({ InstanceId: instance, Attribute }), {
              abortSignal,
            }),
          ),
        ),
      ),
    ),
    part('network-interfaces', (client, { instance }, abortSignal) =>
      everyPage(by('attachment.instance-id', [instance]), page =>
        client.send(new DescribeNetworkInterfacesCommand(page), { abortSignal }),
      ),
    ),
    part('security-groups', (client, incident, abortSignal) =>
      everyPage(by('group-id', groupsOf(incident)), page =>
        client.send(new DescribeSecurityGroupsCommand(page), { abortSignal }),
      ),
    ),
    part('network-acls', (client, incident, abortSignal) =>
      everyPage(by('association.subnet-id', subnetsOf(incident)), page =>
        client.send(new DescribeNetworkAclsCommand(page), { abortSignal }),
      ),
    ),
    // All of the VPC's: a subnet without a table of its own goes by the main one, which no filter finds by its subnet.
    part('route-tables', (client, incident, abortSignal) =>
      everyPage(by('vpc-id', [restorePointOf(incident).vpc]), page =>
        client.send(new DescribeRouteTablesCommand(page), { abortSignal }),
      ),
    ),
    part('volumes', (client, { instance }, abortSignal) =>
      everyPage(by('attachment.instance-id', [instance]), page =>
        client.send(new DescribeVolumesCommand(page), { abortSignal }),
      ),
    ),
  ]
}

interface Page {
  Filters: Filter[]
  NextToken?: string
}

function by(name: string, values: readonly string[]): Page {
  return { Filters: [{ Name: name, Values: [...values] }] }
}

/** The groups before the cut, and the one that it used. */
function groupsOf(incident: Incident): string[] {
  const before = restorePointOf(incident).interfaces.flatMap(({ groups }) => groups)
  return [...new Set([...before, ...(incident.quarantine === undefined ? [] : [incident.quarantine])])]
}

function subnetsOf(incident: Incident): string[] {
  return [...new Set(restorePointOf(incident).interfaces.map(({ subnet }) => subnet))]
}

async function everyPage<T extends { NextToken?: string | undefined }>(
  asked: Page,
  ask: (page: Page) => Promise<T>,
): Promise<Omit<T, '$metadata' | 'NextToken'>[]> {
  const pages: Omit<T, '$metadata' | 'NextToken'>[] = []
  let token: string | undefined
  do {
    const answer = await ask({ ...asked, ...(token ? { NextToken: token } : {}) })
    pages.push(answerOf(answer))
    token = answer.NextToken
  } while (token && pages.length < MAX_PAGES)
  return pages
}

export const configurationPermissions: readonly Permission[] = [
  {
    actions: [
      'ec2:DescribeInstances',
      'ec2:DescribeInstanceAttribute',
      'ec2:DescribeNetworkInterfaces',
      'ec2:DescribeSecurityGroups',
      'ec2:DescribeNetworkAcls',
      'ec2:DescribeRouteTables',
      'ec2:DescribeVolumes',
    ],
    resources: ['*'],
  },
]
