import assert from 'node:assert/strict'
import fc from 'fast-check'
import type { Rejected } from '../../functions/core/flow.ts'
import type { DecodeEvents, LogBatch, Source, SourceSettings } from '../../functions/core/source.ts'
import type { Random } from '../../functions/sandbox/scenario/random.ts'
import { isOrdinary } from '../../functions/sources/aws-network-firewall/classify.ts'
import { batchOf, collecting } from '../../functions/sources/envelopes/sink-fixture.ts'
import { sources } from '../../functions/sources/registry.ts'
import { mutateJson, shaped } from './json-mutations.ts'
import { cutAnywhere, edges, mutateBytes, mutateText, oneOf } from './mutations.ts'
import { batchesOf, TRANSIT, transitLine, V5 } from './samples.ts'
import { assertSound, handedOn } from './soundness.ts'

/** One way into the code that reads what others wrote. */
export interface Target {
  readonly id: string
  /** An input: a real one, damaged. */
  damaged(random: Random): Uint8Array
  /** Texts of the right shape with anything in it. */
  readonly structured: fc.Arbitrary<string>
  /** Throws where the code does with this input what it never may. */
  check(input: Uint8Array, random: Random): void
}

interface Log {
  readonly id: string
  readonly source: Source
  readonly settings: SourceSettings
  readonly decode: DecodeEvents
  readonly messages: readonly string[]
  readonly origin: { readonly owner: string; readonly stream: string }
  /** Whether a record may say nothing of flows, names, alerts or calls, so that decoding it gives nothing. */
  mute(message: string): boolean
}

const never = () => false

function member(value: unknown, ...path: readonly string[]): unknown {
  let at = value
  for (const key of path) at = Object.entries(at ?? {}).find(([name]) => name === key)?.[1]
  return at
}

/** Which JSON records say nothing of flows, names, alerts or calls, each with the reason. */
const mutes: Readonly<Record<string, (record: unknown) => boolean>> = {
  // Connections without packets, the policy's own default actions, handshakes without a name, other event types.
  'aws-network-firewall'(record) {
    const type = member(record, 'event', 'event_type')
    if (type === 'netflow') return member(record, 'event', 'netflow', 'pkts') === 0
    if (type !== 'alert') return true
    return isOrdinary(String(member(record, 'event', 'alert', 'signature')))
  },
  // Spans that are no tool's.
  'agent-trace': record => ['resourceSpans', 'startTimeUnixNano'].some(key => member(record, key) !== undefined),
}

function muteOf(id: string): Log['mute'] {
  const mute = mutes[id]
  if (!mute) return never
  return message => {
    try {
      return mute(JSON.parse(message))
    } catch {
      return false
    }
  }
}

function log(
  id: string,
  source: Source,
  settings: SourceSettings,
  rest: Pick<Log, 'messages' | 'origin' | 'mute'>,
): Log {
  return { id, source, settings, decode: source.open(settings), ...rest }
}

function logs(): Log[] {
  const origin = { owner: '123456789012', stream: 'eni-0a1b2c3d4e5f60718-all' }
  return Object.entries(sources).flatMap(([id, source]): Log[] => {
    const batches = batchesOf(id)
    const [first] = batches
    assert.ok(first, `There is no sample of ${id} under events/`)
    if (id === 'aws-vpc-flow') {
      const lines = batches.flatMap(({ messages }) => messages)
      const [v5, v2] = [lines.filter(line => line.startsWith('5 ')), lines.filter(line => line.startsWith('2 '))]
      // A transit gateway's NODATA covers no interface.
      const noData = (message: string) => message.includes('DATA')
      return [
        log(id, source, {}, { messages: v2, origin, mute: never }),
        log(`${id} v5`, source, { fields: V5 }, { messages: v5, origin, mute: never }),
        log(`${id} v6`, source, { fields: TRANSIT }, { messages: [transitLine], origin, mute: noData }),
      ]
    }
    const mute = muteOf(id)
    return [log(id, source, {}, { messages: batches.flatMap(({ messages }) => messages), origin: first, mute })]
  })
}

const isText = (log: Log) => log.id.startsWith('aws-vpc-flow')

function damagedMessage(log: Log, random: Random): string {
  const message = oneOf(random, log.messages)
  if (isText(log) || random.next() < 0.4) return mutateText(message, random, log.messages)
  const sample: unknown = JSON.parse(message)
  return mutateJson(sample, random)
}

function structuredMessage(log: Log): fc.Arbitrary<string> {
  const [first = ''] = log.messages
  if (!isText(log))
    return fc.oneof(...log.messages.map(message => shaped(JSON.parse(message)))).map(one => JSON.stringify(one))
  const words = first
    .split(' ')
    .map(word =>
      fc.oneof(
        { weight: 20, arbitrary: fc.constant(word) },
        { weight: 2, arbitrary: fc.constantFrom(...edges, 'ACCEPT', 'REJECT', 'NODATA', 'SKIPDATA', 'OK', 'ingress') },
        { weight: 1, arbitrary: fc.oneof(fc.ipV4(), fc.ipV6(), fc.nat().map(String)) },
      ),
    )
  return fc.tuple(...words).map(all => all.join(' '))
}

function decodeBatch(log: Log, messages: readonly string[], origin: Pick<LogBatch, 'owner' | 'stream'> = log.origin) {
  const seen = collecting()
  log.decode(batchOf(messages, origin), seen.sink)
  return seen
}

/** A name longer than any is refused, and what its record said besides is heard. */
const isOfName = ({ reason }: Rejected) => / a name has \d+ characters/.test(reason)

/** Every message gives something, or a reason and nothing else, or had nothing to say; and the same alone as among others. */
function checkBatch(log: Log, messages: readonly string[]): void {
  const whole = decodeBatch(log, messages)
  assertSound(whole)
  let out = 0
  let refused = 0
  for (const message of messages) {
    const seen = decodeBatch(log, [message])
    const given = handedOn(seen)
    assert.ok(seen.rejected.length <= 1, 'a message is rejected twice')
    assert.ok(given === 0 || seen.rejected.every(isOfName), 'a message is used and rejected')
    assert.ok(given > 0 || seen.rejected.length > 0 || log.mute(message), 'a message is lost')
    out += given
    refused += seen.rejected.length
  }
  assert.equal(handedOn(whole), out, 'messages decode differently beside others')
  assert.equal(whole.rejected.length, refused, 'messages are rejected differently beside others')
}

function readLines(log: Log, chunks: readonly Uint8Array[]) {
  const seen = collecting()
  const reader = log.source.lines(log.settings, seen.sink)
  for (const chunk of chunks) reader.push(chunk)
  reader.end()
  return seen
}

const A = 97
const Z = 122
const DOLLAR = 36

/** The same records however the bytes are cut; each line but blank ones and headers gives something or a reason. */
function checkLines(log: Log, input: Uint8Array, random: Random): void {
  const whole = readLines(log, [input])
  assertSound(whole)
  const parts = readLines(log, cutAnywhere(input, random))
  assert.deepEqual(parts.counts(), whole.counts(), 'cuts change what is read')
  let lines = 0
  let mute = 0
  for (let from = 0; from < input.length; ) {
    const newline = input.indexOf(10, from)
    const end = newline < 0 ? input.length : newline
    const text = Buffer.from(input.subarray(from, end)).toString('utf8').trim()
    const first = input[from] ?? 0
    // A flow log's header gives the format of what follows; it is no record.
    const maybe = isText(log) && ((first >= A && first <= Z) || first === DOLLAR || first === 0xef)
    if (text !== '' || isText(log)) lines++
    if (text === '' || maybe || log.mute(text)) mute++
    from = end + 1
  }
  const { flows, coverage, rejected } = whole
  if (isText(log)) {
    const accounted = flows.length + coverage.length + rejected.length
    assert.ok(accounted <= lines && accounted >= lines - mute, `${lines} lines, ${accounted} of them accounted for`)
  } else {
    assert.ok(rejected.length <= lines, `${lines} lines, ${rejected.length} rejected`)
    if (mute === 0 && lines > 0) assert.ok(handedOn(whole) + rejected.length >= lines, 'a line is lost')
  }
}

const textOf = (input: Uint8Array) => Buffer.from(input).toString('utf8')

export function logTargets(): Target[] {
  return logs().flatMap((log): Target[] => {
    const several = (random: Random) => Array.from({ length: random.whole(1, 3) }, () => damagedMessage(log, random))
    return [
      {
        id: `${log.id} batch`,
        damaged: random => mutateBytes(Buffer.from(several(random).join('\n')), random),
        structured: structuredMessage(log),
        check(input) {
          const text = textOf(input)
          checkBatch(log, text.split('\n'))
          // A message may also hold line ends.
          assertSound(decodeBatch(log, [text], { owner: '111122223333', stream: text.slice(0, 60) }))
        },
      },
      {
        id: `${log.id} lines`,
        damaged(random) {
          const between = oneOf(random, [
            '\n',
            '\n',
            '\r\n',
            '\n\n',
            `\n${V5}\n`,
            `\n${TRANSIT}\n`,
            '\nsrcaddr dstaddr\n',
          ])
          return mutateBytes(Buffer.from(several(random).join(between)), random)
        },
        structured: structuredMessage(log),
        check: (input, random) => checkLines(log, input, random),
      },
    ]
  })
}
