import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { RetryableError, reasonOf } from '../../core/errors.ts'
import type { DeadLetter, DeadLetters, Permission } from '../../core/ports.ts'
import { deadLettersQueue, messageBody } from './message.ts'

/** SendMessageBatch takes at most ten messages. */
const BATCH = 10
const KEPT_BYTES = 1024
/** With these, ten letters stay below 256 KB even where every character needs six bytes. */
const MAX_TEXT = { source: 256, position: 1024, reason: 1024 }
const MAX_ROUNDS = 5

export interface DeadLettersSettings {
  readonly url: string
  /** Milliseconds from a call to its end, over all tries of one batch. */
  readonly deadline?: number
}

/** Throws a `RetryableError` where letters could not be kept, so that the delivery they came from is made again. */
export function sqsDeadLetters(sqs: () => SQSClient, { url, deadline = 20_000 }: DeadLettersSettings): DeadLetters {
  async function putBatch(bodies: readonly string[]): Promise<void> {
    const signal = AbortSignal.timeout(deadline)
    let left = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }))
    let reason = ''
    for (let round = 0; round < MAX_ROUNDS; round++) {
      if (round > 0) await sleep(50 * 2 ** round * Math.random(), undefined, { signal })
      const { Failed: failed = [] } = await sqs().send(new SendMessageBatchCommand({ QueueUrl: url, Entries: left }), {
        abortSignal: signal,
      })
      if (failed.length === 0) return
      reason = `${failed[0]?.Code ?? ''} ${failed[0]?.Message ?? ''}`.trim()
      const ids = new Set(failed.map(({ Id }) => Id))
      left = left.filter(({ Id }) => ids.has(Id))
    }
    throw new Error(`${left.length} were refused, the first with ${reason}`)
  }

  return {
    async put(letters) {
      const bodies = letters.map(letterBody)
      for (let start = 0; start < bodies.length; start += BATCH) {
        try {
          await putBatch(bodies.slice(start, start + BATCH))
        } catch (thrown) {
          const unkept = bodies.length - start
          throw new RetryableError(
            `Cannot keep dead letters: up to ${unkept} of ${bodies.length} are not in the queue: ${reasonOf(thrown)}`,
            { cause: thrown },
          )
        }
      }
    },
  }
}

/** `{source, position, reason, length, sha256, head}`: length in bytes, head the first kilobyte in base64. */
export function letterBody({ source, position, reason, bytes, whole }: DeadLetter): string {
  return messageBody({
    source: source.slice(0, MAX_TEXT.source),
    position: position.slice(0, MAX_TEXT.position),
    reason: reason.slice(0, MAX_TEXT.reason),
    length: whole?.length ?? bytes.byteLength,
    sha256: whole?.sha256 ?? createHash('sha256').update(bytes).digest('hex'),
    head: Buffer.from(bytes.subarray(0, KEPT_BYTES)).toString('base64'),
  })
}

export const deadLettersPermissions: readonly Permission[] = [
  { actions: ['sqs:SendMessage'], resources: [`arn:aws:sqs:*:*:${deadLettersQueue.QueueName}`] },
]
