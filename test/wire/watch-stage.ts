import { readFileSync } from 'node:fs'
import { DeleteMessageCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs'
import * as z from 'zod'
import { awsClients } from '../../functions/clouds/aws/clients.ts'
import { dynamoLedger } from '../../functions/clouds/aws/ledger.ts'
import { ledgerTable } from '../../functions/clouds/aws/ledger-table.ts'
import { deadLettersQueue, ordersQueue } from '../../functions/clouds/aws/message.ts'
import { instanceKey, readRow } from '../../functions/core/instance-row.ts'
import { createRespond } from '../../functions/entry/aws/respond.ts'
import { createVerify } from '../../functions/entry/aws/verify.ts'
import { createWatch } from '../../functions/entry/aws/watch.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import { addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { startSandbox } from '../../functions/sandbox/front.ts'
import { drainQueue, invocationOf } from '../../functions/sandbox/lambda.ts'
import { startObjectStore } from './object-store.ts'
import { ACCOUNT, REGION } from './watch-envelope-events.ts'

/** The instances that the samples under events/ name. */
export const INSTANCE = 'i-0a1b2c3d4e5f60718'
export const OTHER = 'i-0b1b2c3d4e5f60718'

const EVENTS = new URL('../../events/', import.meta.url)

export function sample(path: string): unknown {
  return JSON.parse(readFileSync(new URL(path, EVENTS), 'utf8'))
}

const Letter = z.object({ source: z.string(), position: z.string(), reason: z.string() })

/**
 * The real watch, respond and verify over the sandbox's EC2, ledger and queues, and an S3 of its own. The samples' instances
 * are in scope and in the inventory, and the time is some minutes after what the samples tell of.
 */
export async function stageWatch(configuration: Readonly<Record<string, unknown>>) {
  const clock = createClock(Date.parse('2026-11-18T11:00:00Z'))
  const cloud = emptyCloud()
  for (const [name, host] of [
    [INSTANCE.slice(2), 20],
    [OTHER.slice(2), 21],
  ] as const)
    addInstance(cloud, { name, host, tags: { 'firebreak:scope': 'agent' } })
  const [sandbox, store] = await Promise.all([
    startSandbox({ clock, cloud, latencies: { ec2: 0, dynamodb: 0, sqs: 0 } }),
    startObjectStore(),
  ])
  await sandbox.createTable(ledgerTable)
  const queue = await sandbox.createQueue(ordersQueue)
  const deadLetters = await sandbox.createQueue(deadLettersQueue)
  const environment = {
    ...sandbox.environment,
    AWS_ENDPOINT_URL_S3: store.url,
    AWS_MAX_ATTEMPTS: '1',
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    FIREBREAK_CONFIG: JSON.stringify({
      account: ACCOUNT,
      table: ledgerTable.TableName,
      queue: queue.url,
      deadLetters: deadLetters.url,
      policy: { mode: 'enforce' },
      ...configuration,
    }),
  }
  const clients = awsClients(environment)
  const ledger = dynamoLedger(clients.documents, clock, { table: ledgerTable.TableName })
  let watch = createWatch(environment, { clock })
  const respond = createRespond(environment, { clock })
  const verify = createVerify(environment, { clock })
  await verify({}, invocationOf('firebreak-verify', 120_000))
  clock.set(Date.parse('2026-11-18T11:10:00Z'))
  const lane = { endpoint: sandbox.endpoint, region: REGION, queueUrl: queue.url, queueArn: queue.arn }

  async function taken(url: string): Promise<unknown[]> {
    const all: unknown[] = []
    for (;;) {
      const { Messages = [] } = await clients
        .sqs()
        .send(new ReceiveMessageCommand({ QueueUrl: url, MaxNumberOfMessages: 10 }))
      if (Messages.length === 0) return all
      for (const { Body = '', ReceiptHandle } of Messages) {
        all.push(JSON.parse(Body))
        await clients.sqs().send(new DeleteMessageCommand({ QueueUrl: url, ReceiptHandle }))
      }
    }
  }

  return {
    clock,
    sandbox,
    ledger,
    environment,
    watch: (event: unknown, milliseconds = 300_000) => watch(event, invocationOf('firebreak-watch', milliseconds)),
    /** Handles what stands in the lanes. */
    respond: () => drainQueue(lane, event => respond(event, invocationOf('firebreak-respond', 60_000))),
    orders: () => sandbox.queueLength(queue.url),
    /** What was put aside since the last call. */
    letters: async () => (await taken(deadLetters.url)).map(body => Letter.parse(body)),
    store,
    put: store.put,
    /** What is known of an instance, as it is kept. */
    async known(instance: string) {
      const row = await ledger.read(instanceKey(instance))
      return row ? readRow(row.value) : undefined
    },
    /** As if nothing had come of them: in the ledger, and in a function that starts anew. */
    async forget(...instances: readonly string[]): Promise<void> {
      watch = createWatch(environment, { clock })
      for (const instance of instances) await ledger.remove(instanceKey(instance), 'any')
    },
    async close(): Promise<void> {
      clients.destroy()
      await Promise.all([sandbox.close(), store.stop()])
    },
  }
}
