import { addAbortSignal, Readable } from 'node:stream'
import type { GetObjectCommandOutput, S3Client } from '@aws-sdk/client-s3'
import { InputError, quoted, RetryableError, reasonOf } from '../../core/errors.ts'
import type { Permission } from '../../core/ports.ts'
import type { RangedFile } from '../../core/source.ts'
import { type ClientOptions, connection, type Environment } from './clients.ts'
import { codeOf } from './faults.ts'

interface ObjectName {
  readonly bucket: string
  readonly key: string
}

/** Objects of S3 that hold logs. `most`: the bytes that an object may have. */
export interface LogObjects {
  /**
   * The object's bytes in chunks, read as they are asked for.
   * @throws InputError for one that is not there, that may not be read, or that is larger than allowed; RetryableError for
   * whatever a later try may not meet.
   */
  read(object: ObjectName, most: number, signal: AbortSignal): AsyncIterable<Uint8Array>
  /** The same for a file that is read in ranges, all of them of one version of it. */
  ranges(object: ObjectName, most: number, signal: AbortSignal): Promise<RangedFile>
  destroy(): void
}

/** What a later try meets again. Without the right to list the bucket S3 says "access denied" of a missing object too. */
const FINAL: Readonly<Record<string, string>> = {
  NoSuchKey: 'there is no such object',
  NoSuchBucket: 'there is no such bucket',
  AccessDenied: 'access is denied, or there is no such object',
  InvalidObjectState: 'it is archived',
  InvalidRange: 'it is empty',
}

/** S3's client is loaded when the first object is asked for: a function that only gets subscriptions never needs it. */
export function s3LogObjects(environment: Environment, options: ClientOptions = {}): LogObjects {
  let loading: ReturnType<typeof load> | undefined
  let client: S3Client | undefined

  async function load() {
    const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3')
    const settings = connection(environment, 'S3', options)
    // An endpoint of one's own has no host for each bucket.
    client = new S3Client({ ...settings, ...('endpoint' in settings ? { forcePathStyle: true } : {}) })
    return { client, GetObjectCommand }
  }

  async function get(
    { bucket, key }: ObjectName,
    part: { readonly Range?: string; readonly IfMatch?: string },
    signal: AbortSignal,
  ): Promise<{ readonly answer: GetObjectCommandOutput; readonly body: Readable }> {
    loading ??= load()
    const { client, GetObjectCommand } = await loading
    const answer = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key, ...part }), {
      abortSignal: signal,
    })
    const { Body: body } = answer
    if (!(body instanceof Readable)) throw new Error('the answer has no body')
    // The client's own signal ends with the answer's head.
    return { answer, body: addAbortSignal(signal, body) }
  }

  return {
    async *read(object, most, signal) {
      try {
        const { answer, body } = await get(object, {}, signal)
        if ((answer.ContentLength ?? 0) > most) {
          body.destroy()
          throw tooLarge(object, answer.ContentLength ?? 0, most)
        }
        yield* body
      } catch (thrown) {
        throw named(object, thrown)
      }
    },

    async ranges(object, most, signal) {
      try {
        // Four bytes, whose answer says how many there are: HeadObject would say as much, but not why it refuses.
        const { answer, body } = await get(object, { Range: 'bytes=0-3' }, signal)
        body.destroy()
        const byteLength = Number(answer.ContentRange?.slice(answer.ContentRange.lastIndexOf('/') + 1))
        const { ETag: tag } = answer
        if (!Number.isSafeInteger(byteLength) || tag === undefined)
          throw new Error('the answer does not say what it is of')
        if (byteLength > most) throw tooLarge(object, byteLength, most)
        return {
          byteLength,
          async slice(start, end = byteLength) {
            const last = Math.min(end, byteLength) - 1
            if (last < start) return new ArrayBuffer(0)
            try {
              const { body } = await get(object, { Range: `bytes=${start}-${last}`, IfMatch: tag }, signal)
              return await whole(body, last - start + 1)
            } catch (thrown) {
              throw named(object, thrown)
            }
          },
        }
      } catch (thrown) {
        throw named(object, thrown)
      }
    },

    destroy() {
      client?.destroy()
    },
  }
}

async function whole(body: Readable, length: number): Promise<ArrayBuffer> {
  const bytes = new Uint8Array(length)
  let at = 0
  for await (const chunk of body) {
    if (at + chunk.length > length) throw new Error('the answer is longer than the range')
    bytes.set(chunk, at)
    at += chunk.length
  }
  if (at < length) throw new Error('the answer is shorter than the range')
  return bytes.buffer
}

function tooLarge(object: ObjectName, size: number, most: number): InputError {
  return new InputError(`Cannot read ${nameOf(object)}: it has ${size} bytes, ${most} are allowed`)
}

function nameOf({ bucket, key }: ObjectName): string {
  return quoted(`s3://${bucket}/${key}`)
}

function named(object: ObjectName, thrown: unknown): Error {
  if (thrown instanceof InputError || thrown instanceof RetryableError) return thrown
  const code = codeOf(thrown)
  const final = Object.hasOwn(FINAL, code) ? FINAL[code] : undefined
  if (final !== undefined) return new InputError(`Cannot read ${nameOf(object)}: ${final} (${code})`, { cause: thrown })
  return new RetryableError(`Cannot read ${nameOf(object)}: ${reasonOf(thrown)}`, { cause: thrown })
}

/** Reading of the configured buckets, and of what they are encrypted with. Nothing where none is configured. */
export function logObjectsPermissions(buckets: readonly string[], keys: readonly string[]): Permission[] {
  if (buckets.length === 0) return []
  return [
    { actions: ['s3:GetObject'], resources: buckets.map(bucket => `arn:aws:s3:::${bucket}/*`) },
    ...(keys.length > 0 ? [{ actions: ['kms:Decrypt'], resources: [...keys] }] : []),
  ]
}
