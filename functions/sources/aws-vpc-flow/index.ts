import { ConfigurationError, InputError, quoted } from '../../core/errors.ts'
import type { Source, SourceSettings } from '../../core/source.ts'
import { headOf, headOfText } from '../envelopes/head.ts'
import { DEFAULT_FORMAT } from './fields.ts'
import { compileFormat, type Format } from './format.ts'
import { createFlowLines } from './lines.ts'
import { readParquet } from './parquet.ts'
import { createRecordDecoder, MAX_LINE, type Origin } from './record.ts'
import { createStrings } from './strings.ts'

/** Shared by all that is decoded here: a process meets the same interfaces and addresses again. */
const strings = createStrings()

/**
 * VPC and transit gateway flow logs as text, versions 2 to 11 in any order of fields. In CloudWatch Logs the stream names
 * the interface and the log group's owner the account: a record that names others was not written by the flow log.
 */
export const awsVpcFlow: Source = {
  id: 'aws-vpc-flow',
  open(settings) {
    const format = configured(settings, false)
    const encoder = new TextEncoder()
    const scratch = new Uint8Array(MAX_LINE * 3 + 1)
    return ({ owner, stream, events }, sink) => {
      const origin: Origin = { interface: interfaceOf(stream), account: owner }
      let position = ''
      const { decode } = createRecordDecoder(
        strings,
        {
          flow: flow => sink.flow(flow),
          coverage: coverage => sink.coverage(coverage),
          reject: (reason, bytes, from, to) => sink.reject({ position, reason, ...headOf(bytes, from, to) }),
        },
        origin,
      )
      events.forEach(({ id, message, timestamp }, index) => {
        position = `event ${index} (${id})`
        const reason = unfit(message)
        if (reason) {
          sink.reject({ position, reason: `Cannot parse flow record: ${reason}`, ...headOfText(message) })
          return
        }
        const { written } = encoder.encodeInto(message, scratch)
        scratch[written] = 10
        decode(scratch, 0, format, Math.floor(timestamp / 1000))
      })
    }
  },
  lines: (settings, sink, options = {}) =>
    createFlowLines(strings, sink, configured(settings, options.partial ?? false), options),
  parquet: (file, sink, options) => readParquet(strings, file, sink, options),
}

function configured({ fields = DEFAULT_FORMAT }: SourceSettings, partial: boolean): Format {
  try {
    return compileFormat(fields, { partial })
  } catch (thrown) {
    if (thrown instanceof InputError) throw new ConfigurationError(thrown.message, { cause: thrown })
    throw thrown
  }
}

/** Why a message cannot be one record, or `undefined`. */
function unfit(message: string): string | undefined {
  if (message.length > MAX_LINE) return `it has ${message.length} characters, ${MAX_LINE} are allowed`
  if (message === '') return 'the message is empty'
  const newline = message.indexOf('\n')
  if (newline >= 0 && newline < message.length - 1) return `the message has more than one line: ${quoted(message)}`
  return undefined
}

/** Flow log streams are named after the interface and the traffic that they record: `eni-0123456789abcdef0-all`. */
function interfaceOf(stream: string): string | undefined {
  for (const suffix of ['-all', '-accept', '-reject'])
    if (stream.startsWith('eni-') && stream.endsWith(suffix)) return stream.slice(0, -suffix.length)
  return undefined
}
