import { canonicalAddress } from '../../core/address.ts'
import { InputError } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { EventSource, Source } from '../../core/source.ts'
import { parseRecord } from '../envelopes/fields.ts'
import { parseJson } from '../envelopes/json.ts'
import { decodeEach, jsonLines } from '../envelopes/json-records.ts'
import { nameOf } from '../envelopes/names.ts'
import { FirewallNotice, QueryRecord } from './schema.ts'

const QUERY = 'resolver query'
const NOTICE = 'DNS Firewall event'

/** A chain of CNAMEs is seldom longer than three. */
const MAX_CHAIN = 16

/** Query logs of the VPC resolver. A shared query log carries other accounts' queries, so its owner says nothing of them. */
export const awsResolver: Source = {
  id: 'aws-resolver',
  open: () => (batch, sink) => decodeEach(batch, sink, QUERY, message => query(message, sink)),
  lines: (_settings, sink) => jsonLines(sink, QUERY, line => query(line, sink)),
}

/** DNS Firewall's own events, which come minutes before its logs. */
export const awsDnsFirewall: EventSource = {
  id: 'aws-dns-firewall',
  takes: ({ source, type }) =>
    source === 'aws.route53resolver' && (type === 'DNS Firewall Block' || type === 'DNS Firewall Alert'),
  decode(event, sink) {
    const detail = parseRecord(FirewallNotice, event.detail, NOTICE)
    const instances = (detail.resources ?? []).map(resource => resource['instance-details']?.id)
    const client: Client = {
      client: detail['src-addr'],
      clientPort: detail['src-port'],
      instance: instances.find(id => id !== undefined),
      vpc: detail['vpc-id'] ?? undefined,
      time: Math.floor(detail['last-observed-at'] ?? event.time),
    }
    emitNames([detail['query-name']], [], client, NOTICE, sink)
    emitVerdict(detail['firewall-rule-action'], detail['firewall-domain-list-id'], client, sink)
  },
}

function query(message: string, sink: Sink): void {
  const record = parseRecord(QueryRecord, parseJson(message, QUERY), QUERY)
  const answers = record.answers ?? []
  const addresses = answers
    .filter(({ Type }) => Type === 'A' || Type === 'AAAA')
    .map(({ Rdata }) => canonicalAddress(Rdata ?? ''))
    .filter(address => address !== undefined)
  const client: Client = {
    client: record.srcaddr,
    clientPort: record.srcport,
    instance: record.srcids?.instance ?? undefined,
    vpc: record.vpc_id,
    time: Math.floor(record.query_timestamp),
  }
  const chain = answers.filter(({ Type }) => Type === 'CNAME').map(({ Rdata }) => Rdata)
  emitNames([record.query_name, ...chain], addresses, client, QUERY, sink)
  emitVerdict(record.firewall_rule_action, record.firewall_domain_list_id, client, sink)
}

interface Client {
  readonly client: string
  readonly clientPort: number | undefined
  readonly instance: string | undefined
  readonly vpc: string | undefined
  readonly time: number
}

/** Every name of the chain leads to the addresses: a pool may hide behind a harmless one. */
function emitNames(
  chain: readonly (string | null | undefined)[],
  addresses: readonly string[],
  client: Client,
  what: string,
  sink: Sink,
): void {
  const [asked, ...rest] = chain.map(nameOf)
  if (asked === undefined) throw new InputError(`Cannot parse ${what}: the name that was asked for is none`)
  const names = new Set([asked, ...rest.filter(name => name !== undefined)])
  for (const name of [...names].slice(0, MAX_CHAIN))
    sink.name({ via: 'dns', name, addresses: [...new Set(addresses)], peerPort: 53, firewall: undefined, ...client })
}

function emitVerdict(
  action: string | null | undefined,
  list: string | null | undefined,
  client: Client,
  sink: Sink,
): void {
  if (action !== 'BLOCK' && action !== 'ALERT') return
  sink.alert({
    kind: 'other',
    rule: `dns-firewall ${list ?? '-'}`,
    source: client.client,
    sourcePort: client.clientPort ?? 0,
    destination: '',
    destinationPort: 53,
    protocol: 17,
    blocked: action === 'BLOCK',
    instance: client.instance,
    firewall: undefined,
    time: client.time,
  })
}
