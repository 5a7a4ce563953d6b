import { InputError } from '../../core/errors.ts'
import type { Alert, Sink } from '../../core/flow.ts'
import type { EventSource } from '../../core/source.ts'
import { type AttackSequence, emitSequence } from '../envelopes/attack-sequence.ts'
import { parseRecord } from '../envelopes/fields.ts'
import { instanceOf, kindOfType } from '../envelopes/finding-types.ts'
import { parseJson } from '../envelopes/json.ts'
import { nameOf } from '../envelopes/names.ts'
import { type Action, GuardDutyFinding, type Sequence } from './schema.ts'

const WHAT = 'GuardDuty finding'

/**
 * GuardDuty's findings as the bus brings them: an alert for each instance that one names. Samples are passed over, since
 * nothing happened, and archived ones, since somebody has looked.
 */
export const awsGuardDuty: EventSource = {
  id: 'aws-guardduty',
  takes: ({ source, type }) => source === 'aws.guardduty' && type === 'GuardDuty Finding',
  decode(event, sink) {
    const finding = parseRecord(GuardDutyFinding, event.detail, WHAT)
    if (isSample(finding) || finding.service.archived === true) return
    const time = Math.floor(finding.service.eventLastSeen ?? finding.updatedAt ?? event.time)
    const instance = instanceOf(finding.resource?.instanceDetails?.instanceId)
    if (instance !== undefined) emit(finding, instance, time, sink)
    const sequence = finding.service.detection?.sequence
    if (sequence) emitSequence(sequenceOf(finding, sequence, time), sink)
  },
}

/** The mark is a member, or stands in a text of JSON beside it. */
function isSample({ service: { additionalInfo } }: GuardDutyFinding): boolean {
  if (additionalInfo?.sample === true || additionalInfo?.sample === 'true') return true
  if (!additionalInfo?.value) return false
  try {
    const value = parseJson(additionalInfo.value, WHAT)
    return typeof value === 'object' && value !== null && 'sample' in value && String(value.sample) === 'true'
  } catch (thrown) {
    if (!(thrown instanceof InputError)) throw thrown
    // A mark that cannot be read may be one: a sample must not cut anything.
    return additionalInfo.value.includes('sample')
  }
}

function sequenceOf({ type, title }: GuardDutyFinding, sequence: Sequence, time: number): AttackSequence {
  const signals = (sequence.signals ?? []).map(({ name, lastSeenAt, resourceUids, endpointIds }) => ({
    name,
    instances: instancesIn(resourceUids ?? []),
    endpoints: endpointIds ?? [],
    time: lastSeenAt === undefined ? undefined : Math.floor(lastSeenAt),
  }))
  const endpoints = (sequence.endpoints ?? []).map(
    ({ id, ip, port, domain }) =>
      [id, { address: ip ?? undefined, port: port ?? undefined, domain: domain ?? undefined }] as const,
  )
  const named = instancesIn((sequence.resources ?? []).map(({ uid }) => uid ?? ''))
  const instances = new Set([...named, ...signals.flatMap(signal => signal.instances)])
  return { type, title, instances, signals, endpoints: new Map(endpoints), time }
}

function instancesIn(uids: readonly string[]): string[] {
  return [...new Set(uids.map(instanceOf).filter(id => id !== undefined))]
}

interface Ends {
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  readonly inbound: boolean
  readonly protocol: number
  readonly blocked: boolean
}

function emit(finding: GuardDutyFinding, instance: string, time: number, sink: Sink): void {
  const at = finding.resource?.instanceDetails?.networkInterfaces?.[0]
  const ends = endsOf(finding.service.action, at?.privateIpAddress ?? '')
  const [source, destination] = ends.inbound ? [ends.remote, ends.local] : [ends.local, ends.remote]
  const [sourcePort, destinationPort] = ends.inbound
    ? [ends.remotePort, ends.localPort]
    : [ends.localPort, ends.remotePort]
  const name = nameOf(finding.service.action?.dnsRequestAction?.domain)
  const alert: Alert = {
    kind: kindOfType(finding.type),
    rule: `${finding.type} ${finding.title}`.slice(0, 256),
    ...{ source, sourcePort, destination, destinationPort },
    protocol: ends.protocol,
    blocked: ends.blocked,
    instance,
    firewall: undefined,
    ...ownOf(finding.service.action, name),
    time,
  }
  sink.alert(alert)
  if (name === undefined) return
  const vpc = at?.vpcId ?? undefined
  const client = at?.privateIpAddress ?? ''
  const unknown = { clientPort: undefined, peerPort: undefined, firewall: undefined, addresses: [] }
  sink.name({ via: 'dns', name, client, instance, vpc, time, ...unknown })
}

/**
 * What the action says that the instance did. GuardDuty reads queries from the VPC's resolver, which only the instance can
 * ask, and the direction from its own flow logs or from its agent on the host: of a TCP connection `OUTBOUND` says who opened it.
 */
function ownOf(action: Action | null | undefined, name: string | undefined): Pick<Alert, 'own' | 'name'> {
  if (name !== undefined) return { own: 'query', name }
  const connection = action?.networkConnectionAction
  const opened = connection?.connectionDirection === 'OUTBOUND' && connection.protocol?.toUpperCase() === 'TCP'
  return opened ? { own: 'connection' } : {}
}

const PROTOCOLS: Readonly<Record<string, number>> = { ICMP: 1, TCP: 6, UDP: 17 }

function endsOf(action: Action | null | undefined, own: string): Ends {
  const connection = action?.networkConnectionAction
  const probe = action?.portProbeAction?.portProbeDetails?.[0]
  const remote = connection ?? probe
  const request = action?.dnsRequestAction
  return {
    local: remote?.localIpDetails?.ipAddressV4 ?? remote?.localIpDetails?.ipAddressV6 ?? own,
    localPort: remote?.localPortDetails?.port ?? 0,
    remote: remote?.remoteIpDetails?.ipAddressV4 ?? remote?.remoteIpDetails?.ipAddressV6 ?? '',
    remotePort: remote?.remotePortDetails?.port ?? (request ? 53 : 0),
    // A probe comes from outside by its nature; of unknown direction nothing is held against the instance.
    inbound: connection ? connection.connectionDirection !== 'OUTBOUND' : probe !== undefined,
    protocol: request ? 17 : (PROTOCOLS[connection?.protocol?.toUpperCase() ?? 'TCP'] ?? 255),
    blocked: (connection ?? request ?? action?.portProbeAction)?.blocked === true,
  }
}
