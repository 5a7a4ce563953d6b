import { quoted } from '../../core/errors.ts'
import type { End, Tally } from './tally.ts'

/**
 * The deployment's own flow log: a custom format, for a flow log's format cannot be changed later. The version is the
 * highest of the fields chosen (Amazon VPC User Guide, flow log records).
 */
export const FLOW_LOG_FIELDS =
  'version account-id vpc-id subnet-id instance-id interface-id srcaddr dstaddr srcport dstport protocol ' +
  'packets bytes start end action tcp-flags type pkt-srcaddr pkt-dstaddr flow-direction traffic-path log-status'

/** Where the interface of a log stands. */
interface Vantage {
  readonly account: string
  readonly vpc: string
  readonly subnet: string
  readonly instance: string
  readonly interface: string
}

interface Line {
  readonly end: End
  readonly egress: boolean
  readonly accepted: boolean
  readonly tally: Tally
  /** Seconds since the epoch, as text. */
  readonly from: string
  readonly to: string
}

type Column = (line: Line, vantage: Vantage) => string | number

const source = ({ end, egress }: Line) => (egress ? end.local : end.remote)
const destination = ({ end, egress }: Line) => (egress ? end.remote : end.local)

const columns: Readonly<Record<string, Column>> = {
  version: () => 5,
  'account-id': (_, { account }) => account,
  'interface-id': (_, vantage) => vantage.interface,
  srcaddr: source,
  dstaddr: destination,
  srcport: ({ end, egress }) => (egress ? end.localPort : end.remotePort),
  dstport: ({ end, egress }) => (egress ? end.remotePort : end.localPort),
  protocol: ({ end }) => end.protocol,
  packets: ({ tally }) => tally.packets,
  bytes: ({ tally }) => tally.bytes,
  start: ({ from }) => from,
  end: ({ to }) => to,
  action: ({ accepted }) => (accepted ? 'ACCEPT' : 'REJECT'),
  'log-status': () => 'OK',
  'vpc-id': (_, { vpc }) => vpc,
  'subnet-id': (_, { subnet }) => subnet,
  'instance-id': (_, { instance }) => instance,
  'tcp-flags': ({ tally }) => tally.flags,
  type: ({ end }) => (end.local.includes(':') ? 'IPv6' : 'IPv4'),
  'pkt-srcaddr': source,
  'pkt-dstaddr': destination,
  'flow-direction': ({ egress }) => (egress ? 'egress' : 'ingress'),
  'traffic-path': ({ end, egress }) => (egress ? end.path : '-'),
}

/** What a record without traffic still says. */
const SAID_WITHOUT_TRAFFIC = new Set(['version', 'account-id', 'interface-id', 'start', 'end'])

export interface FlowLogFormat {
  /** All records of one interface in one window, oldest first; a NODATA record where nothing went by. */
  lines(vantage: Vantage, ends: readonly End[], fromSecond: number, toSecond: number): string[]
}

/** Throws a RangeError for a field that the sandbox does not write. */
export function compileFormat(fields: string): FlowLogFormat {
  const plan = fields.split(' ').map(field => {
    const column = columns[field]
    if (!column) throw new RangeError(`Cannot write flow logs: the sandbox has no field ${quoted(field)}`)
    return { field, column }
  })

  function silent(vantage: Vantage, from: string, to: string): string {
    const said: Record<string, string> = {
      version: '5',
      'account-id': vantage.account,
      'interface-id': vantage.interface,
      start: from,
      end: to,
    }
    return plan
      .map(({ field }) => {
        if (field === 'log-status') return 'NODATA'
        return SAID_WITHOUT_TRAFFIC.has(field) ? said[field] : '-'
      })
      .join(' ')
  }

  function written(line: Line, vantage: Vantage): string {
    let text = ''
    for (const { column } of plan) text += text === '' ? column(line, vantage) : ` ${column(line, vantage)}`
    return text
  }

  return {
    lines(vantage, ends, fromSecond, toSecond) {
      const from = String(fromSecond)
      const to = String(toSecond)
      const lines: string[] = []
      for (const end of ends)
        for (const egress of [true, false])
          for (const accepted of [true, false]) {
            const pair = egress ? end.egress : end.ingress
            const tally = accepted ? pair.accepted : pair.rejected
            if (tally.packets > 0) lines.push(written({ end, egress, accepted, tally, from, to }, vantage))
          }
      return lines.length > 0 ? lines : [silent(vantage, from, to)]
    },
  }
}
