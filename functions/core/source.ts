import type { Sink } from './flow.ts'

/** One event of a log stream, as CloudWatch Logs hands it on. */
export interface LogEvent {
  readonly id: string
  /** Milliseconds since the epoch. */
  readonly timestamp: number
  readonly message: string
}

/** Events of one stream. Its name and owner are the cloud's word; what the messages say is only their writer's. */
export interface LogBatch {
  readonly owner: string
  readonly group: string
  readonly stream: string
  readonly events: readonly LogEvent[]
}

export interface SourceSettings {
  /** The format of a flow log: field names with spaces between, or as AWS writes it, `${version} ${srcaddr} …`. */
  readonly fields?: string | undefined
}

/** Decodes one batch. What cannot be decoded goes to `sink.reject` and the rest goes on; it never throws. */
export type DecodeEvents = (batch: LogBatch, sink: Sink) => void

/** Reads a file's lines from its bytes, cut anywhere. Memory is bounded whatever the lines' length. */
export interface LineReader {
  push(bytes: Uint8Array): void
  /** The last line may lack its end. */
  end(): void
}

export interface LineOptions {
  /** Takes formats that lack what a verdict needs, for counting only: never where a cut is to be proven. */
  readonly partial?: boolean
  /** Seconds since the epoch, for records that carry no time. */
  readonly time?: number
  /** Awaited now and then where a file is read in ranges, so that what was decoded can be taken away; it may reject. */
  readonly relieve?: () => Promise<void>
}

/** A file that is read in ranges. */
export interface RangedFile {
  readonly byteLength: number
  /** The bytes from `start` to before `end`; `end` may lie behind the file. */
  slice(start: number, end?: number): ArrayBuffer | Promise<ArrayBuffer>
}

export interface Source {
  readonly id: string
  /** Compiles the settings once. Throws ConfigurationError, so that a wrong format is found before the first delivery. */
  open(settings: SourceSettings): DecodeEvents
  lines(settings: SourceSettings, sink: Sink, options?: LineOptions): LineReader
  /** Reads a Parquet file, a row group at a time. Rejects with InputError for a file that is none. */
  parquet?(file: RangedFile, sink: Sink, options?: LineOptions): Promise<void>
}

/** One event of the cloud's event bus. */
export interface CloudEvent {
  readonly id: string
  readonly account: string
  readonly region: string
  /** Who sent it: `aws.guardduty`. */
  readonly source: string
  /** EventBridge's `detail-type`. */
  readonly type: string
  /** Seconds since the epoch. */
  readonly time: number
  readonly detail: unknown
}

/** Decodes events of the bus. */
export interface EventSource {
  readonly id: string
  takes(event: CloudEvent): boolean
  /** Throws InputError for an event that it takes and cannot read. */
  decode(event: CloudEvent, sink: Sink): void
}
