import { createServer, type IncomingMessage, request, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { CreateTableCommand, waitUntilTableExists } from '@aws-sdk/client-dynamodb'
import { awsClients, type Clients, type Environment } from '../../functions/clouds/aws/clients.ts'
import { ledgerTable } from '../../functions/clouds/aws/ledger-table.ts'

// It has no types; this is all that is used of it.
const dynalite: (options: { createTableMs: number }) => Server = createRequire(import.meta.url)('dynalite')

export const credentials = {
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'AKIAIOSFODNN7EXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'example',
} satisfies Environment

export interface Dynamo {
  readonly url: string
  readonly clients: Clients
  stop(): Promise<void>
}

/** DynamoDB in this process, with the ledger's table. */
export async function startDynamo(): Promise<Dynamo> {
  const server: Server = dynalite({ createTableMs: 0 })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const url = urlOf(server)
  const clients = awsClients({ ...credentials, AWS_ENDPOINT_URL_DYNAMODB: url })
  const client = clients.documents()
  await client.send(new CreateTableCommand(ledgerTable))
  await waitUntilTableExists({ client, maxWaitTime: 5, minDelay: 1, maxDelay: 1 }, { TableName: ledgerTable.TableName })
  return {
    url,
    clients,
    async stop() {
      clients.destroy()
      await new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
    },
  }
}

/** What becomes of a request on its way: it passes, its answer gets lost after the server did it, it is refused, or it hangs. */
export type Fate = 'pass' | 'lose-answer' | 'refuse' | 'deny' | 'hang'

const DENIED =
  '<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>Not authorized.</Message></Error></Errors><RequestID>1</RequestID></Response>'

export interface Seen {
  readonly operation: string
  readonly body: string
}

export interface Road {
  readonly url: string
  readonly seen: readonly Seen[]
  count(operation: string): number
  /** How often the caller waited for answers before it asked on. Only counted where the road holds them back. */
  readonly rounds: number
  stop(): Promise<void>
}

export interface RoadSettings {
  /**
   * Hold all answers back until no request has come for a while. Then a round is what was asked without waiting for an
   * answer, and the number of rounds is the depth of the calls, whatever the machine's speed.
   */
  readonly inRounds?: boolean
}

/** Forwards to a server and lets `fate` decide over each request, by its operation and how many of it came before. */
export async function startRoad(
  target: string,
  fate: (operation: string, earlier: number) => Fate,
  { inRounds = false }: RoadSettings = {},
): Promise<Road> {
  const seen: Seen[] = []
  const gate = startGate()
  const server = createServer(async (incoming, answer) => {
    const body = await bytesOf(incoming)
    const operation = operationOf(incoming, body.toString())
    const decided = fate(operation, seen.filter(one => one.operation === operation).length)
    seen.push({ operation, body: body.toString() })
    if (decided === 'hang') return
    if (inRounds) await gate.pass()
    if (decided === 'refuse') {
      incoming.socket.destroy()
      return
    }
    if (decided === 'deny') {
      answer.writeHead(403, { 'content-type': 'text/xml' }).end(DENIED)
      return
    }
    const forwarded = request(new URL(incoming.url ?? '/', target), {
      method: incoming.method,
      headers: incoming.headers,
    })
    forwarded.end(body)
    forwarded.on('response', async response => {
      const bytes = await bytesOf(response)
      if (decided === 'lose-answer') incoming.socket.destroy()
      else answer.writeHead(response.statusCode ?? 500, response.headers).end(bytes)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: urlOf(server),
    seen,
    count: operation => seen.filter(one => one.operation === operation).length,
    get rounds() {
      return gate.opened()
    },
    stop: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const QUIET_MS = 80

/** Opens for all who wait once nobody has come for a while. */
function startGate() {
  let waiting: (() => void)[] = []
  let opened = 0
  let timer: NodeJS.Timeout | undefined
  function rest(): void {
    clearTimeout(timer)
    const due = performance.now() + QUIET_MS
    timer = setTimeout(() => {
      // A busy event loop has requests still to read: they are not late.
      if (performance.now() > due + QUIET_MS / 4) return rest()
      opened++
      const all = waiting
      waiting = []
      for (const pass of all) pass()
    }, QUIET_MS)
  }
  return {
    opened: () => opened,
    pass: () =>
      new Promise<void>(resolve => {
        waiting.push(resolve)
        rest()
      }),
  }
}

/** JSON protocols name it in a header, the Query protocol in the form. */
function operationOf(incoming: IncomingMessage, body: string): string {
  const target = incoming.headers['x-amz-target']
  return typeof target === 'string' ? (target.split('.')[1] ?? '') : (new URLSearchParams(body).get('Action') ?? '')
}

export async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

export function urlOf(server: Server): string {
  const { port } = server.address() as AddressInfo
  return `http://127.0.0.1:${port}`
}
