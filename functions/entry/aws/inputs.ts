import { setTimeout as sleep } from 'node:timers/promises'
import type { LogObjects } from '../../clouds/aws/log-objects.ts'
import type { Delivery } from '../../core/delivery.ts'
import { InputError, quoted, reasonOf } from '../../core/errors.ts'
import type { DeadLetter } from '../../core/ports.ts'
import type { CloudEvent } from '../../core/source.ts'
import type { Summary } from '../../core/watch.ts'
import type { Carried, Opened } from '../../sources/envelopes/records.ts'
import type { Delivery as Subscription } from '../../sources/envelopes/subscription.ts'
import { eventSources } from '../../sources/registry.ts'
import type { Config } from '../config.ts'
import type { awsAdapters } from './adapters.ts'
import { openDecoders } from './decoders.ts'
import type { Message } from './messages.ts'
import { createObjectWatch } from './objects.ts'
import { inPieces, NOTHING, sumOf, type Tally } from './pieces.ts'

type Adapters = Pick<ReturnType<typeof awsAdapters>, 'deadLetters' | 'log' | 'metrics'>

/** What was judged, and what was not: the ids of records or messages that have to come again. */
export interface Batch {
  readonly tally: Tally
  readonly failures: readonly string[]
}

const NEWLINE = Uint8Array.of(10)
/** Tries of what its platform does not deliver again. */
const TRIES = 3

/** Takes what the envelopes carry to the watch of core: each account, group, stream and bucket with its own decoder. */
export function createInputs(
  { deadLetters, log, metrics, objects }: Adapters & { readonly objects: LogObjects },
  config: Config,
  watch: (delivery: Delivery) => Promise<Summary>,
) {
  const { groups, streams, buckets } = openDecoders(config)
  const onObject = createObjectWatch({ objects, log, metrics, judge }, { account: config.account, buckets })

  async function judge(delivery: Delivery): Promise<Tally> {
    const { flows, rejected, findings } = await watch(delivery)
    for (const { id, instance, decision, score } of findings)
      log.info('finding', { finding: id, instance, decision, score })
    return { flows, rejected, findings: findings.length }
  }

  /** What will be no better when it comes again: a dead letter, and the function goes on. */
  async function reject(letter: DeadLetter): Promise<Tally> {
    log.warn('delivery rejected', { source: letter.source, reason: letter.reason })
    metrics.count('DeliveryRejected')
    await deadLetters.put([letter])
    return { ...NOTHING, rejected: 1 }
  }

  async function onSubscription(delivery: Subscription): Promise<Tally> {
    if (delivery.kind === 'control') return NOTHING
    const { owner, group, stream } = delivery
    if (owner !== config.account)
      throw new InputError(`Cannot read log subscription: it is of account "${owner}", not ${config.account}`)
    const decoder = groups.get(group)
    if (!decoder) throw new InputError(`Cannot read log subscription: log group "${group}" is not configured`)
    const pieces = inPieces(decoder.source, `${group} ${stream}`, judge)
    for (const rejected of delivery.rejected) pieces.sink.reject(rejected)
    decoder.events(delivery, pieces.sink)
    return pieces.end()
  }

  /** Lines that a stream carries, those of all its records together: a record may be a single line. */
  async function onLines(parts: readonly { readonly bytes: Uint8Array }[], arn: string | undefined): Promise<Tally> {
    const account = arn?.split(':')[4]
    if (arn === undefined || !streams.has(arn))
      throw new InputError(`Cannot read stream: ${quoted(arn ?? 'a stream without a name')} is not configured`)
    if (account !== config.account)
      throw new InputError(`Cannot read stream: it is of account "${account}", not ${config.account}`)
    const decoder = streams.get(arn)
    if (!decoder) throw new InputError(`Cannot read stream: it brought lines, and ${quoted(arn)} has no source`)
    const pieces = inPieces(decoder.source, arn, judge)
    const lines = decoder.lines(pieces.sink)
    for (const { bytes } of parts) {
      lines.push(bytes)
      // No line goes on in another record.
      if (bytes.at(-1) !== NEWLINE[0]) lines.push(NEWLINE)
      await pieces.relieve()
    }
    lines.end()
    return pieces.end()
  }

  async function onEvent(event: CloudEvent): Promise<Tally> {
    if (event.account !== config.account)
      throw new InputError(`Cannot read event: it is of account ${quoted(event.account)}, not ${config.account}`)
    const source = eventSources.find(one => one.takes(event))
    if (!source)
      throw new InputError(`Cannot read event: no source takes ${quoted(event.type)} of ${quoted(event.source)}`)
    const pieces = inPieces(source.id, `event ${event.id}`, judge)
    source.decode(event, pieces.sink)
    return pieces.end()
  }

  /** Each object by itself, so that one that cannot be read holds back no other. Throws the first failure at the end. */
  async function onMessage(message: Message, signal: AbortSignal): Promise<Tally> {
    if (message.kind === 'event') return onEvent(message.event)
    let tally = NOTHING
    const failures: unknown[] = []
    for (const notice of message.notices)
      try {
        tally = sumOf(tally, await onObject(notice, signal))
      } catch (thrown) {
        const position = `s3://${notice.bucket}/${notice.key}`
        if (thrown instanceof InputError)
          tally = sumOf(tally, await reject(letterOf('objects', position, thrown.message, JSON.stringify(notice))))
        else failures.push(thrown)
      }
    if (failures.length > 0) throw failures[0]
    return tally
  }

  async function onRecords(source: string, { records, rejected, from }: Opened<Carried>): Promise<Batch> {
    let tally = NOTHING
    for (const one of rejected) tally = sumOf(tally, await reject({ source, ...one }))
    const lines: { readonly id: string; readonly bytes: Uint8Array }[] = []
    const units: { readonly id: string; readonly head: Uint8Array; judge(): Promise<Tally> }[] = []
    for (const { id, content } of records)
      if (content.kind === 'lines') lines.push({ id, bytes: content.bytes })
      else {
        const { delivery } = content
        units.push({ id, head: headOf(content), judge: () => onSubscription(delivery) })
      }
    const [first] = lines
    if (first)
      units.push({
        id: first.id,
        head: first.bytes,
        judge: () => onLines(lines, from),
      })
    return unitsOf(source, units, tally)
  }

  async function unitsOf(
    source: string,
    units: readonly { readonly id: string; readonly head: Uint8Array; judge(): Promise<Tally> }[],
    before: Tally,
  ): Promise<Batch> {
    let tally = before
    const failures: string[] = []
    for (const { id, head, judge } of units)
      try {
        tally = sumOf(tally, await judge())
      } catch (thrown) {
        if (thrown instanceof InputError)
          tally = sumOf(tally, await reject({ source, position: `record ${id}`, reason: thrown.message, bytes: head }))
        else {
          log.warn('record was not judged and comes again', { source, id, reason: reasonOf(thrown) })
          failures.push(id)
        }
      }
    return { tally, failures }
  }

  /** Messages one after the other; those for which no time is left are not begun. */
  async function onMessages({ records, rejected }: Opened<Message>, signal: AbortSignal): Promise<Batch> {
    let tally = NOTHING
    for (const { position, reason, bytes } of rejected)
      tally = sumOf(tally, await reject({ source: 'queue', position, reason, bytes }))
    const units = records.map(({ id, content }) => ({
      id,
      head: Buffer.from(JSON.stringify(content)),
      judge: () => {
        signal.throwIfAborted()
        return onMessage(content, signal)
      },
    }))
    return unitsOf('queue', units, tally)
  }

  return {
    reject,
    onSubscription,
    onMessage,
    onMessages,
    onRecords,
    /**
     * For a stream that must go on whatever happens here, and that does not come again: what cannot be judged after some
     * tries is a dead letter. Rejects only where not even that can be kept.
     */
    async onPassing(opened: Opened<Carried>): Promise<Tally> {
      let batch = await onRecords('firehose', opened)
      for (let tried = 1; batch.failures.length > 0 && tried < TRIES; tried++) {
        await sleep(200 * 2 ** tried)
        const failed = new Set(batch.failures)
        // Lines fail together, under the first one's id.
        const lines = opened.records.some(({ id, content }) => content.kind === 'lines' && failed.has(id))
        const again = opened.records.filter(({ id, content }) => (content.kind === 'lines' ? lines : failed.has(id)))
        const next = await onRecords('firehose', { ...opened, records: again, rejected: [] })
        batch = { tally: sumOf(batch.tally, next.tally), failures: next.failures }
      }
      let { tally } = batch
      for (const id of batch.failures) {
        const content = opened.records.find(record => record.id === id)?.content
        const reason =
          content?.kind === 'lines'
            ? 'Cannot judge the lines from this record on: every try failed, and the stream went on'
            : 'Cannot judge record: every try failed, and the stream went on'
        const bytes = content ? headOf(content) : new Uint8Array()
        tally = sumOf(tally, await reject({ source: 'firehose', position: `record ${id}`, reason, bytes }))
      }
      return tally
    },
  }
}

function letterOf(source: string, position: string, reason: string, text: string): DeadLetter {
  return { source, position, reason, bytes: Buffer.from(text) }
}

/** For a dead letter, which holds the first kilobyte of it. */
function headOf(content: Carried): Uint8Array {
  if (content.kind === 'lines') return content.bytes
  if (content.delivery.kind === 'control') return new Uint8Array()
  const { owner, group, stream, events } = content.delivery
  return Buffer.from(JSON.stringify({ owner, group, stream, events: events.slice(0, 10) }))
}
