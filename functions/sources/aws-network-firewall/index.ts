import { InputError, quoted } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { Source } from '../../core/source.ts'
import { parseRecord } from '../envelopes/fields.ts'
import { parseJson } from '../envelopes/json.ts'
import { decodeEach, jsonLines } from '../envelopes/json-records.ts'
import { secondsOf } from '../envelopes/time.ts'
import { emit } from './events.ts'
import { FirewallRecord } from './schema.ts'

const WHAT = 'firewall record'

/** Alert, flow and TLS logs of AWS Network Firewall, told apart by what each record says it is. */
export const awsNetworkFirewall: Source = {
  id: 'aws-network-firewall',
  open: () => (batch, sink) =>
    decodeEach(batch, sink, WHAT, message => decode(message, batch.owner, batch.stream, sink)),
  lines: (_settings, sink) => jsonLines(sink, WHAT, line => decode(line, undefined, undefined, sink)),
}

function decode(message: string, account: string | undefined, stream: string | undefined, sink: Sink): void {
  const record = parseRecord(FirewallRecord, parseJson(message, WHAT), WHAT)
  const { firewall_name: firewall, event, event_timestamp: logged } = record
  if (stream !== undefined && !isOf(stream, firewall))
    throw new InputError(
      `Cannot parse ${WHAT}: field "firewall_name" is ${quoted(firewall)}, its stream is ${quoted(stream)}`,
    )
  const time = secondsOf(event.timestamp) ?? secondsOf(logged)
  if (time === undefined)
    throw new InputError(`Cannot parse ${WHAT}: field "event_timestamp" is ${quoted(logged)}, no time`)
  emit(event, { firewall, account, time: Math.floor(time) }, sink)
}

/** A stream named `/aws/network-firewall/<log type>/<firewall>_<hour>` must be the firewall's own; others say nothing. */
function isOf(stream: string, firewall: string): boolean {
  const last = stream.slice(stream.lastIndexOf('/') + 1)
  return !stream.startsWith('/aws/network-firewall/') || !last.includes('_') || last.startsWith(`${firewall}_`)
}
