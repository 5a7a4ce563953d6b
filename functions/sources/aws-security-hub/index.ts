import { InputError } from '../../core/errors.ts'
import type { Alert, Sink } from '../../core/flow.ts'
import type { EventSource } from '../../core/source.ts'
import { type AttackSequence, emitSequence } from '../envelopes/attack-sequence.ts'
import { parseRecord } from '../envelopes/fields.ts'
import { instanceOf, kindOfType } from '../envelopes/finding-types.ts'
import { headOfText } from '../envelopes/head.ts'
import { nameOf } from '../envelopes/names.ts'
import { Detail, Finding, type Sequence } from './schema.ts'

const WHAT = 'Security Hub finding'

/**
 * Findings that Security Hub passes on from any product: an alert for each instance that one names. Samples, archived and
 * settled findings are passed over.
 */
export const awsSecurityHub: EventSource = {
  id: 'aws-security-hub',
  takes: ({ source, type }) => source === 'aws.securityhub' && type === 'Security Hub Findings - Imported',
  decode(event, sink) {
    const { findings } = parseRecord(Detail, event.detail, WHAT)
    findings.forEach((given, index) => {
      try {
        const finding = parseRecord(Finding, given, WHAT)
        if (isCurrent(finding)) emit(finding, Math.floor(finding.UpdatedAt ?? event.time), sink)
      } catch (thrown) {
        if (!(thrown instanceof InputError)) throw thrown
        sink.reject({
          position: `finding ${index}`,
          reason: thrown.message,
          ...headOfText(JSON.stringify(given) ?? ''),
        })
      }
    })
  },
}

function isCurrent({ Sample, RecordState, Workflow, ProductFields }: Finding): boolean {
  const sample = Sample === true || ProductFields?.['aws/guardduty/service/additionalInfo/sample'] === 'true'
  const settled = RecordState === 'ARCHIVED' || Workflow?.Status === 'SUPPRESSED' || Workflow?.Status === 'RESOLVED'
  return !sample && !settled
}

function emit(finding: Finding, time: number, sink: Sink): void {
  const types = finding.Types.map(typeOf)
  const type = types.find(one => kindOfType(one) !== 'other') ?? types[0] ?? ''
  const ids = finding.Resources.filter(({ Type }) => Type === 'AwsEc2Instance').map(({ Id }) => instanceOf(Id))
  const instances = new Set(ids.filter(id => id !== undefined))
  const sequence = finding.Detection?.Sequence
  if (sequence) {
    emitSequence(sequenceOf(type, finding.Title, instances, sequence, time), sink)
    return
  }
  const name = nameOf(finding.Action?.DnsRequestAction?.Domain)
  const alert = {
    kind: kindOfType(type),
    rule: `${type} ${finding.Title}`.slice(0, 256),
    ...endsOf(finding),
    // What an action says is said of one instance.
    ...(instances.size === 1 ? ownOf(finding, name) : {}),
    firewall: undefined,
    time,
  }
  for (const instance of instances) sink.alert({ ...alert, instance })
  const [only] = instances
  if (name === undefined || only === undefined || instances.size > 1) return
  const unknown = { client: '', clientPort: undefined, peerPort: undefined, vpc: undefined, firewall: undefined }
  sink.name({ via: 'dns', name, addresses: [], instance: only, time, ...unknown })
}

function sequenceOf(
  type: string,
  title: string,
  instances: ReadonlySet<string>,
  { Signals, Endpoints }: Sequence,
  time: number,
): AttackSequence {
  const signals = (Signals ?? []).map(({ Name, LastSeenAt, ResourceIds, EndpointIds }) => ({
    name: Name,
    instances: [...new Set((ResourceIds ?? []).map(instanceOf).filter(id => id !== undefined))],
    endpoints: EndpointIds ?? [],
    time: LastSeenAt === undefined ? undefined : Math.floor(LastSeenAt),
  }))
  const endpoints = (Endpoints ?? []).map(
    ({ Id, Ip, Port, Domain }) =>
      [Id, { address: Ip ?? undefined, port: Port ?? undefined, domain: Domain ?? undefined }] as const,
  )
  return { type, title, instances, signals, endpoints: new Map(endpoints), time }
}

/**
 * GuardDuty's own word on who opened a connection or asked for a name, as in its own events. Other products' findings are
 * whatever somebody imported. The direction is `IN` or `OUT` (Security Hub API Reference, "NetworkConnectionAction").
 */
function ownOf({ ProductArn, Action }: Finding, name: string | undefined): Pick<Alert, 'own' | 'name'> {
  if (!ProductArn?.endsWith('::product/aws/guardduty')) return {}
  if (name !== undefined) return { own: 'query', name }
  const connection = Action?.NetworkConnectionAction
  return connection && isOut(connection.ConnectionDirection) && connection.Protocol?.toUpperCase() === 'TCP'
    ? { own: 'connection' }
    : {}
}

const isOut = (direction: string | null | undefined) => direction === 'OUT' || direction === 'OUTBOUND'

type Ends = Pick<Alert, 'source' | 'sourcePort' | 'destination' | 'destinationPort' | 'protocol' | 'blocked'>

/** An action names only the other end; the instance's own address is not in it. */
function endsOf({ Action: action, Network: network }: Finding): Ends {
  const { NetworkConnectionAction: connection, DnsRequestAction: request, PortProbeAction: probes } = action ?? {}
  const blocked = (connection ?? request ?? probes)?.Blocked === true
  const probe = probes?.PortProbeDetails?.[0]
  const remote = connection ?? probe
  if (remote) {
    const other = { address: remote.RemoteIpDetails?.IpAddressV4 ?? '', port: connection?.RemotePortDetails?.Port ?? 0 }
    const own = { address: '', port: remote.LocalPortDetails?.Port ?? 0 }
    // A probe comes from outside by its nature; of unknown direction nothing is held against the instance.
    const [from, to] = isOut(connection?.ConnectionDirection) ? [own, other] : [other, own]
    return {
      ...{ source: from.address, sourcePort: from.port, destination: to.address, destinationPort: to.port },
      protocol: protocolOf(connection?.Protocol),
      blocked,
    }
  }
  if (request)
    return { source: '', sourcePort: 0, destination: '', destinationPort: 53, protocol: protocolOf('UDP'), blocked }
  return {
    source: network?.SourceIpV4 ?? network?.SourceIpV6 ?? '',
    sourcePort: network?.SourcePort ?? 0,
    destination: network?.DestinationIpV4 ?? network?.DestinationIpV6 ?? '',
    destinationPort: network?.DestinationPort ?? 0,
    protocol: protocolOf(network?.Protocol),
    blocked: false,
  }
}

const protocolOf = (name: string | null | undefined) => (name?.toUpperCase() === 'UDP' ? 17 : 6)

/** The last part of a taxonomy path is the product's own type: `TTPs/Command and Control/CryptoCurrency:EC2-BitcoinTool.B`. */
function typeOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1).replace('-', '/')
}
