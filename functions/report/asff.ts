import type { Finding } from '../core/finding.ts'
import { TCP, UDP } from '../core/flow.ts'
import { caseFor, cut, nextSteps, rulesAgainst, severityOf, spanOf, type Telling, titleOfFinding } from './standards.ts'

/**
 * A finding in the AWS Security Finding Format, as BatchImportFindings takes it. Limits and names:
 * https://docs.aws.amazon.com/securityhub/1.0/APIReference/API_AwsSecurityFinding.html
 */
export function securityFinding(finding: Finding, telling: Telling) {
  const { first, last } = spanOf(finding)
  const partition = partitionOf(finding.region)
  const time = (milliseconds: number) => new Date(milliseconds).toISOString()
  const network = networkOf(finding)
  return {
    SchemaVersion: '2018-10-08',
    Id: `firebreak/${finding.id}`,
    ProductArn: `arn:${partition}:securityhub:${finding.region}:${finding.account}:product/${finding.account}/default`,
    GeneratorId: `firebreak/${rulesAgainst(finding, telling)[0]?.id ?? 'finding'}`,
    AwsAccountId: finding.account,
    Types: typesOf(finding),
    CreatedAt: time(finding.at),
    UpdatedAt: time(finding.at),
    FirstObservedAt: time(first),
    LastObservedAt: time(last),
    Severity: { Label: severityOf(finding, telling).toUpperCase(), Original: String(finding.score) },
    Confidence: Math.round(Math.max(0, Math.min(100, finding.score))),
    Title: cut(titleOfFinding(finding, telling), 256),
    Description: cut(caseFor(finding, telling), 1024),
    Remediation: {
      Recommendation: { Text: cut(nextSteps(finding, telling) || 'Look at the signals and decide', 512) },
    },
    ProductFields: fieldsOf(finding),
    ...(network && { Network: network }),
    Resources: [
      {
        Type: 'AwsEc2Instance',
        Id: `arn:${partition}:ec2:${finding.region}:${finding.account}:instance/${finding.instance}`,
        Partition: partition,
        Region: finding.region,
      },
    ],
    RecordState: 'ACTIVE',
  }
}

function partitionOf(region: string): string {
  if (region.startsWith('cn-')) return 'aws-cn'
  return region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
}

/** Namespace, category and classifier: https://docs.aws.amazon.com/securityhub/latest/userguide/asff-required-attributes.html */
const TYPES: readonly (readonly [technique: string, type: string])[] = [
  ['T1572', 'TTPs/Command and Control/Reverse tunnel'],
  ['T1021', 'TTPs/Command and Control/SSH to the internet'],
  ['T1071', 'TTPs/Command and Control/DNS tunnel'],
  ['T1496', 'Effects/Resource Consumption/Mining'],
  ['T1046', 'TTPs/Discovery/Internal probing'],
  ['T1018', 'TTPs/Discovery/Internal probing'],
]

function typesOf({ signals }: Finding): string[] {
  const found = signals.flatMap(
    ({ technique }) => TYPES.find(([known]) => technique?.split('.')[0] === known)?.[1] ?? [],
  )
  return found.length > 0 ? [...new Set(found)] : ['Unusual Behaviors/Network Flow/Breakout']
}

/** The strongest signal's connection: the format has room for one. */
function networkOf({ signals }: Finding) {
  const strongest = signals.filter(({ peer }) => peer !== undefined).toSorted((a, b) => b.points - a.points)[0]
  if (strongest?.peer === undefined) return undefined
  const { peer, port, protocol, name } = strongest
  const protocolName = protocol === TCP ? 'TCP' : protocol === UDP ? 'UDP' : undefined
  return {
    Direction: 'OUT',
    [peer.includes(':') ? 'DestinationIpV6' : 'DestinationIpV4']: peer,
    ...(port !== undefined && { DestinationPort: port }),
    ...(protocolName !== undefined && { Protocol: protocolName }),
    ...(name?.trim() && { DestinationDomain: cut(name, 128) }),
  }
}

/** At most 50 fields, names of 128 characters, values of 2048. */
function fieldsOf({ signals, decision, drill }: Finding): Record<string, string> {
  const told = signals
    .slice(0, 40)
    .map(({ rule, family, points, peer, port, detail }, index): [string, string] => [
      `firebreak/signal/${index + 1}`,
      cut(
        `${rule} ${family} ${points}${peer === undefined ? '' : ` ${peer}${port === undefined ? '' : ` port ${port}`}`}: ${detail}`,
        1024,
      ),
    ])
  return Object.fromEntries([['firebreak/decision', decision], ['firebreak/drill', String(drill)], ...told])
}
