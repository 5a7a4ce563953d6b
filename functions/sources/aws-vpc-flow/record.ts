import { quoted } from '../../core/errors.ts'
import type { Coverage, Flow } from '../../core/flow.ts'
import * as row from '../../core/flow-rows.ts'
import {
  ACCOUNT,
  ACTION,
  BYTES,
  DESTINATION,
  DESTINATION_PORT,
  DIRECTION,
  END,
  FIRST_NUMBER,
  FLAGS,
  GATEWAY,
  INTERFACE,
  PACKET_DESTINATION,
  PACKET_SOURCE,
  PACKETS,
  PAST,
  PROTOCOL,
  SKIP,
  SOURCE,
  SOURCE_PORT,
  START,
  STATUS,
  VERSION,
} from './fields.ts'
import type { Format } from './format.ts'
import type { Strings } from './strings.ts'
import { isVersion, isWord } from './words.ts'

/** A tag or an ARN may be long; a record of this length is none. */
export const MAX_LINE = 65_536

export interface Receiver {
  flow(flow: Flow): void
  /** Where flows go that fit into a row; `full` is called when no more do. */
  readonly rows?: row.FlowRows | undefined
  full?(): void
  coverage(coverage: Coverage): void
  /** The line's bytes stand from `from` to `to`. */
  reject(reason: string, bytes: Uint8Array, from: number, to: number): void
}

/** What the stream says of its records, and their writer cannot. */
export interface Origin {
  readonly interface: string | undefined
  readonly account: string
}

export interface RecordDecoder {
  /**
   * Decodes the line at `from` and returns the position after its newline. A newline must stand somewhere behind `from`:
   * the scan relies on it instead of asking for the end at every byte. `time`: seconds since the epoch, for formats without.
   */
  decode(bytes: Uint8Array, from: number, format: Format, time: number | undefined): number
}

const SPACE = 32
const NEWLINE = 10
const RETURN = 13
const HYPHEN = 45
const DOT = 46
const ZERO = 48

const OK = 1
const NODATA = 2
const SKIPDATA = 3

/** Ten digits: 2001-09-09 to 2286-11-20. Less is no time of a flow log, more is milliseconds. */
const FIRST_TIME = 1_000_000_000
const PAST_TIME = 10_000_000_000

/** A row has no room for what does not fit into 32 bits. */
const PAST_WORD = 2 ** 32

/** The IANA registry keeps this number free of any protocol: the format has no such field. */
const UNKNOWN_PROTOCOL = 255

const bit = (column: number) => 1 << column
/** Fields without which a record that says OK says nothing. */
const NEEDED = bit(PROTOCOL) | bit(PACKETS) | bit(BYTES) | bit(START) | bit(END) | bit(ACTION)

/**
 * Decodes records straight from bytes: numbers without a string each, strings looked up before they are made. One pass, no
 * allocation but the record itself.
 */
export function createRecordDecoder(strings: Strings, receiver: Receiver, origin?: Origin): RecordDecoder {
  // No typed array: what comes out of a Float64Array is boxed in every record, and a small integer here is not.
  const numbers: (number | undefined)[] = new Array(PAST).fill(undefined)
  const texts: (string | undefined)[] = new Array(FIRST_NUMBER).fill(undefined)
  /** IPv4 addresses as signed words: small integers. */
  const words: number[] = new Array(FIRST_NUMBER).fill(0)
  let last: Format | undefined

  function refuse(bytes: Uint8Array, from: number, at: number, reason: string): number {
    const newline = bytes.indexOf(NEWLINE, at)
    receiver.reject(`Cannot parse flow record: ${reason}`, bytes, from, newline)
    return newline + 1
  }

  function refuseField(bytes: Uint8Array, from: number, start: number, name: string | undefined, what = ''): number {
    let end = start
    while ((bytes[end] ?? 0) > SPACE && end - start < 128) end++
    const value = Buffer.from(bytes.subarray(start, end)).toString('latin1')
    return refuse(bytes, from, end, `field ${quoted(name ?? '')} is ${quoted(value)}${what}`)
  }

  function decode(bytes: Uint8Array, from: number, format: Format, time: number | undefined): number {
    const { columns, fields } = format
    if (format !== last) {
      // Columns that the new format lacks must not keep the old one's values.
      last = format
      numbers.fill(undefined)
      texts.fill(undefined)
    }
    let at = from
    let index = 0
    /** Bits of the columns that hold '-'. */
    let absent = 0
    /** Bits of the columns that hold an IPv4 address. */
    let four = 0
    let action = 0
    let status = OK
    let direction: Flow['direction']
    for (;;) {
      const column = columns[index] ?? PAST
      const start = at
      if (column === SKIP) {
        while ((bytes[at] ?? 0) > SPACE) at++
        if (at === start) return refuseField(bytes, from, start, fields[index])
      } else if (column >= FIRST_NUMBER) {
        if (column === PAST) return refuse(bytes, from, at, `there are more than the format's ${fields.length} fields`)
        let value = 0
        let digit = (bytes[at] ?? 0) - ZERO
        while (digit >= 0 && digit <= 9) {
          value = value * 10 + digit
          digit = (bytes[++at] ?? 0) - ZERO
        }
        if (at === start || (bytes[at] ?? 0) > SPACE) {
          if (bytes[start] !== HYPHEN || (bytes[start + 1] ?? 0) > SPACE)
            return refuseField(bytes, from, start, fields[index])
          absent |= bit(column)
          at = start + 1
        } else if (value > Number.MAX_SAFE_INTEGER)
          return refuseField(bytes, from, start, fields[index], ', more than 2^53 - 1')
        numbers[column] = value
      } else if (bytes[start] === HYPHEN && (bytes[start + 1] ?? 0) <= SPACE) {
        absent |= bit(column)
        texts[column] = undefined
        at = start + 1
      } else if (column >= SOURCE) {
        let word = 0
        let octet = 0
        let digits = 0
        let dots = 0
        let byte = bytes[at] ?? 0
        while (byte > SPACE) {
          const digit = byte - ZERO
          if (digit >= 0 && digit <= 9) {
            if (digits > 0 && octet === 0) break
            octet = octet * 10 + digit
            if (octet > 255) break
            digits++
          } else if (byte === DOT && digits > 0 && dots < 3) {
            word = (word << 8) | octet
            octet = 0
            digits = 0
            dots++
          } else break
          byte = bytes[++at] ?? 0
        }
        if (byte <= SPACE && dots === 3 && digits > 0) {
          words[column] = (word << 8) | octet
          four |= bit(column)
        } else {
          while ((bytes[at] ?? 0) > SPACE) at++
          const address = strings.address(bytes, start, at)
          if (address === undefined) return refuseField(bytes, from, start, fields[index])
          texts[column] = address
        }
      } else {
        while ((bytes[at] ?? 0) > SPACE) at++
        if (column === ACTION) {
          action = isWord(bytes, start, at, 'ACCEPT') ? 1 : isWord(bytes, start, at, 'REJECT') ? 2 : 0
          if (action === 0) return refuseField(bytes, from, start, fields[index])
        } else if (column === STATUS) {
          if (isWord(bytes, start, at, 'OK')) status = OK
          else if (isWord(bytes, start, at, 'NODATA')) status = NODATA
          else if (isWord(bytes, start, at, 'SKIPDATA')) status = SKIPDATA
          else return refuseField(bytes, from, start, fields[index])
        } else if (column === DIRECTION) {
          if (isWord(bytes, start, at, 'egress')) direction = 'egress'
          else if (isWord(bytes, start, at, 'ingress')) direction = 'ingress'
          else return refuseField(bytes, from, start, fields[index])
        } else if (column === VERSION) {
          if (!isVersion(bytes, start, at)) return refuseField(bytes, from, start, fields[index])
        } else {
          // Neighbouring lines are mostly of one account, often of one interface.
          const before = texts[column]
          if (before === undefined || !isWord(bytes, start, at, before)) {
            const text = strings.text(bytes, start, at)
            if (text === undefined) return refuseField(bytes, from, start, fields[index])
            texts[column] = text
          }
        }
      }
      index++
      let after = bytes[at] ?? NEWLINE
      if (after === SPACE) {
        if (index < fields.length) {
          at++
          continue
        }
        // Shippers leave blanks at a line's end; they are no field.
        while (after === SPACE) after = bytes[++at] ?? NEWLINE
      }
      if (after === RETURN) after = bytes[++at] ?? NEWLINE
      if (after === NEWLINE) break
      if (index < fields.length || after <= SPACE)
        return refuse(bytes, from, at, `a control character stands after field ${quoted(fields[index - 1] ?? '')}`)
    }
    if (index < fields.length)
      return refuse(bytes, from, at, `it has ${index} field${index === 1 ? '' : 's'}, the format has ${fields.length}`)
    if (at - from > MAX_LINE) return refuse(bytes, from, at, `it has ${at - from} bytes, ${MAX_LINE} are allowed`)
    const reason = finish(format, absent, four, action, status, direction, time)
    if (reason === undefined) return at + 1
    return refuse(bytes, from, at, reason)
  }

  function addressIn(column: number, four: number): string {
    return four & bit(column) ? strings.ipv4((words[column] ?? 0) >>> 0) : (texts[column] ?? '')
  }

  /** Hands the record on, or returns why it cannot be. */
  function finish(
    { timed, transit, present, fields, columns }: Format,
    absent: number,
    four: number,
    action: number,
    status: number,
    direction: Flow['direction'],
    time: number | undefined,
  ): string | undefined {
    const begin = timed ? (numbers[START] ?? 0) : time
    const end = timed ? (numbers[END] ?? 0) : time
    let networkInterface = texts[INTERFACE]
    let account = texts[ACCOUNT]
    if (account === 'unknown') account = undefined
    if (origin) {
      if (!transit && origin.interface === undefined) return 'its stream names no interface'
      if (!transit && (networkInterface ?? origin.interface) !== origin.interface)
        return `field "interface-id" is ${quoted(networkInterface)}, its stream is of ${quoted(origin.interface)}`
      if (!transit && absent & bit(INTERFACE)) return 'field "interface-id" is "-"'
      if (account !== undefined && account !== origin.account)
        return `field "account-id" is ${quoted(account)}, its log group is of ${quoted(origin.account)}`
      networkInterface = transit ? undefined : origin.interface
      account = origin.account
    }
    if (absent & (bit(START) | bit(END))) return `field "${absent & bit(START) ? 'start' : 'end'}" is "-"`
    if (begin === undefined || end === undefined) return 'its format has no times'
    if (begin < FIRST_TIME || begin >= PAST_TIME) return `field "start" is "${begin}", not seconds since the epoch`
    if (end < FIRST_TIME || end >= PAST_TIME) return `field "end" is "${end}", not seconds since the epoch`
    if (end < begin) return `field "end" is "${end}", before its start "${begin}"`
    if (status !== OK) {
      // A transit gateway has no interface whose silence would prove something.
      if (networkInterface !== undefined)
        receiver.coverage({
          interface: networkInterface,
          account,
          start: begin,
          end,
          status: status === NODATA ? 'nodata' : 'skipped',
        })
      else if (!transit) return 'it names no interface that it would cover'
      return undefined
    }
    const read = present & ~absent
    const from = read & bit(PACKET_SOURCE) ? PACKET_SOURCE : SOURCE
    if (!(read & bit(from))) return 'field "srcaddr" is "-" in a record that says OK'
    const to = read & bit(PACKET_DESTINATION) ? PACKET_DESTINATION : DESTINATION
    if (!(read & bit(to))) return 'field "dstaddr" is "-" in a record that says OK'
    const missing = absent & NEEDED
    if (missing !== 0)
      return `field ${quoted(fields[columns.indexOf(31 - Math.clz32(missing))] ?? '')} is "-" in a record that says OK`
    const sourcePort = numbers[SOURCE_PORT] ?? 0
    const destinationPort = numbers[DESTINATION_PORT] ?? 0
    if (sourcePort > 65_535) return `field "srcport" is "${sourcePort}"`
    if (destinationPort > 65_535) return `field "dstport" is "${destinationPort}"`
    const protocol = present & bit(PROTOCOL) ? (numbers[PROTOCOL] ?? 0) : UNKNOWN_PROTOCOL
    if (protocol > 255) return `field "protocol" is "${protocol}"`
    const flags = numbers[FLAGS] ?? 0
    if (flags > 511) return `field "tcp-flags" is "${flags}"`
    const packets = numbers[PACKETS] ?? 0
    const octets = numbers[BYTES] ?? 0
    const flagged = (read & bit(FLAGS)) !== 0
    if (
      receiver.rows &&
      networkInterface !== undefined &&
      four & bit(from) &&
      four & bit(to) &&
      packets < PAST_WORD &&
      octets < PAST_WORD &&
      end < PAST_WORD
    ) {
      const id = strings.interface(networkInterface)
      if (id >= 0) {
        const { rows } = receiver
        const at = rows.count * row.ROW
        rows.words[at + row.INTERFACE] = id
        rows.words[at + row.SOURCE] = words[from] ?? 0
        rows.words[at + row.DESTINATION] = words[to] ?? 0
        rows.words[at + row.PORTS] = (sourcePort << 16) | destinationPort
        rows.words[at + row.PACKETS] = packets
        rows.words[at + row.BYTES] = octets
        rows.words[at + row.START] = begin
        rows.words[at + row.END] = end
        rows.words[at + row.TRAITS] =
          protocol |
          (flagged ? row.FLAGS_KNOWN | (flags << row.FLAGS_SHIFT) : 0) |
          (action === 2 ? 0 : row.ACCEPTED) |
          (direction === undefined ? 0 : direction === 'egress' ? row.EGRESS : row.INGRESS)
        if (++rows.count === row.MOST_ROWS) receiver.full?.()
        return undefined
      }
    }
    receiver.flow({
      interface: networkInterface,
      account,
      firewall: texts[GATEWAY],
      source: addressIn(from, four),
      destination: addressIn(to, four),
      sourcePort,
      destinationPort,
      protocol,
      packets,
      bytes: octets,
      start: begin,
      end,
      flags: flagged ? flags : undefined,
      accepted: action !== 2,
      direction,
    })
    return undefined
  }

  return { decode }
}
