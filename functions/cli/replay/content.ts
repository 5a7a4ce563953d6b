import { InputError, quoted } from '../../core/errors.ts'
import type { Sink } from '../../core/flow.ts'
import type { DecodeEvents, LineReader, LogBatch, LogEvent } from '../../core/source.ts'
import { openBridgeEvent } from '../../sources/envelopes/eventbridge.ts'
import { headOfText } from '../../sources/envelopes/head.ts'
import { parseJson } from '../../sources/envelopes/json.ts'
import { createLineSplitter } from '../../sources/envelopes/lines.ts'
import { openFirehose, openKinesis } from '../../sources/envelopes/records.ts'
import { type Delivery, openSubscription, readMessage } from '../../sources/envelopes/subscription.ts'
import { eventSources, sources } from '../../sources/registry.ts'
import { documentsIn } from './documents.ts'
import { asRecord, counting, type Range, type Tally } from './tally.ts'

export interface ContentSettings {
  /** The source; without it each record's content tells. */
  readonly source: string | undefined
  readonly fields: string | undefined
  readonly range: Range
}

/** A payload of 6 MB is the most that a function gets; a file's line may be one. */
const MAX_LINE = 8 * 1024 * 1024
const WHAT = 'log record'

/** By a key that every record of the source has. Within a JSON string a quote is escaped, so no value looks like one. */
const KEYS = [
  ['"firewall_name"', 'aws-network-firewall'],
  ['"query_name"', 'aws-resolver'],
  ['"resourceSpans"', 'agent-trace'],
  ['"startTimeUnixNano"', 'agent-trace'],
  ['"tool"', 'agent-trace'],
] as const

/** The source of a record, or `undefined` where nothing tells. */
export function sourceOf(text: string): string | undefined {
  if (text.startsWith('{')) return KEYS.find(([key]) => text.includes(key))?.[1]
  return looksLikeFlow(text) ? 'aws-vpc-flow' : undefined
}

/** A header, or a record: words of which the first is a version or many are numbers, addresses and hyphens. */
export function looksLikeFlow(text: string): boolean {
  const words = text.trim().split(' ')
  if (words.some(word => word.includes('srcaddr'))) return true
  return words.length >= 6 && (words.includes('ACCEPT') || words.includes('REJECT') || isSilent(words))
}

function isSilent(words: readonly string[]): boolean {
  return words.includes('NODATA') || words.includes('SKIPDATA')
}

/** Reads JSON and lines with something before the record; plain flow logs go to their source at once (reading.ts). */
export function recordReader(settings: ContentSettings, sink: Sink, tally: Tally) {
  const inner = counting(sink, tally, settings.range, false)
  const readers = new Map<string, LineReader>()
  const decoders = new Map<string, DecodeEvents>()
  const encoder = new TextEncoder()

  function reject(text: string, reason: string): void {
    inner.reject({ position: `record ${tally.records + tally.malformed + 1}`, reason, ...headOfText(text) })
  }

  function chosen(text: string): string {
    const id = settings.source ?? sourceOf(text)
    if (id === undefined) throw new InputError(`Cannot tell the source of ${quoted(text.slice(0, 200))}`)
    return id
  }

  function line(text: string): void {
    const id = chosen(text)
    const reader = readers.get(id) ?? sources[id]?.lines({ fields: settings.fields }, inner)
    if (!reader) return
    readers.set(id, reader)
    if (id !== 'aws-vpc-flow') {
      asRecord(tally, () => reader.push(encoder.encode(`${text.replaceAll('\n', ' ')}\n`)))
      return
    }
    // A header is no record, and only the reader tells one.
    const { kept } = tally
    reader.push(encoder.encode(`${text}\n`))
    if (tally.kept > kept) tally.records++
  }

  function events(batch: LogBatch): void {
    const sample = batch.events.find(({ message }) => message.trim() !== '')?.message
    if (sample === undefined) return
    const id = chosen(sample)
    const decode = decoders.get(id) ?? sources[id]?.open({ fields: settings.fields })
    if (!decode) return
    decoders.set(id, decode)
    for (const event of batch.events) asRecord(tally, () => decode({ ...batch, events: [event] }, inner))
  }

  function delivered(delivery: Delivery): void {
    if (delivery.kind === 'control') return
    for (const one of delivery.rejected) inner.reject(one)
    events(delivery)
  }

  function carried({ records, rejected }: ReturnType<typeof openKinesis>): void {
    for (const one of rejected) inner.reject(one)
    for (const { content } of records)
      if (content.kind === 'subscription') delivered(content.delivery)
      else for (const one of Buffer.from(content.bytes).toString('utf8').split('\n')) text(one)
  }

  function bridged(value: unknown, given: string): void {
    const event = openBridgeEvent(value)
    const source = eventSources.find(one => one.takes(event))
    if (source) asRecord(tally, () => source.decode(event, inner))
    else reject(given, `Cannot tell the source of an event of ${quoted(event.source)}, ${quoted(event.type)}`)
  }

  /** `aws logs filter-log-events` and `get-log-events` answer with these. */
  function listed(value: { readonly events: readonly unknown[] }): void {
    for (const one of value.events) text(isEvent(one) ? one.message : (JSON.stringify(one) ?? ''))
  }

  function json(given: string): void {
    if (given.includes('"awslogs"')) delivered(openSubscription(parseJson(given, WHAT)))
    else if (given.includes('"messageType"')) delivered(readMessage(encoder.encode(given)))
    else if (given.includes('"detail-type"')) bridged(parseJson(given, WHAT), given)
    else if (given.includes('"aws:kinesis"')) carried(openKinesis(parseJson(given, WHAT)))
    else if (given.includes('"deliveryStreamArn"')) carried(openFirehose(parseJson(given, WHAT)))
    else if (given.startsWith('{"message":') || given.includes('"events"')) {
      const value = parseJson(given, WHAT)
      if (isEvent(value) && value.message !== given) text(value.message)
      else if (isListing(value)) listed(value)
      else line(given)
    } else line(given)
  }

  function text(given: string): void {
    const trimmed = given.trim()
    if (trimmed === '') return
    try {
      const bare = withoutTime(trimmed)
      if (bare.startsWith('{')) json(bare)
      else if (bare.startsWith('[')) listed({ events: elementsOf(bare) })
      else line(bare)
    } catch (thrown) {
      if (!(thrown instanceof InputError)) throw thrown
      reject(trimmed, thrown.message)
    }
  }

  return {
    /** One record or envelope a line; documents that stand on one line are taken apart. */
    lines(): LineReader {
      return createLineSplitter(MAX_LINE, {
        lines(bytes, from, to) {
          const all = Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('utf8')
          for (const one of all.split('\n')) {
            const parts = one.includes('}{') ? documentsIn(one) : [one]
            for (const part of parts) text(part)
          }
        },
        overlong: (head, length) =>
          inner.reject({ position: 'line', reason: `Cannot parse ${WHAT}: it has ${length} bytes`, bytes: head }),
      })
    },
    /** A whole file of JSON documents, each over several lines. */
    documents(bytes: Uint8Array): void {
      const given = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
      for (const part of documentsIn(given)) text(part)
    },
    reject,
  }
}

/** Exports of CloudWatch Logs put the time of the event before each message (User Guide, "Exporting log data"). */
function withoutTime(text: string): string {
  const space = text.indexOf(' ')
  const isTime =
    space >= 20 && space <= 35 && text[4] === '-' && text[10] === 'T' && !Number.isNaN(Date.parse(text.slice(0, space)))
  return isTime ? text.slice(space + 1).trim() : text
}

function isEvent(value: unknown): value is Pick<LogEvent, 'message'> {
  return typeof value === 'object' && value !== null && 'message' in value && typeof value.message === 'string'
}

function isListing(value: unknown): value is { readonly events: readonly unknown[] } {
  return typeof value === 'object' && value !== null && 'events' in value && Array.isArray(value.events)
}

function elementsOf(text: string): readonly unknown[] {
  const value = parseJson(text, WHAT)
  return Array.isArray(value) ? value : []
}
