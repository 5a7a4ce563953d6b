import { createHmac, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import * as z from 'zod'
import { type FaultKind, suffer } from './faults.ts'

const Body = z.object({
  key: z.string(),
  title: z.string(),
  severity: z.number(),
  markdown: z.string(),
  state: z.string(),
})

/** What stands in the tracker under one key. */
export interface TrackedTicket {
  readonly key: string
  readonly reference: string
  readonly title: string
  readonly severity: number
  readonly state: string
  readonly markdown: string
  readonly deliveries: number
}

const MAX_BODY = 4 << 20

interface Received {
  readonly status: number
  readonly body?: unknown
}

const ANSWERS = { throttle: () => ({ status: 429 }), error: () => ({ status: 500 }), denied: () => ({ status: 403 }) }

/** Somebody's tracker on loopback, as docs/tickets.md asks for one: it verifies the signature and keeps one ticket a key. */
export async function openTracker(secret: string) {
  const tickets = new Map<string, TrackedTicket>()
  const listeners = new Set<() => void | Promise<void>>()
  const interceptors = new Set<(url: string) => FaultKind | undefined>()
  let refused = 0

  function receive({ headers }: IncomingMessage, bytes: Buffer): Received {
    if (!isGenuine(headers, bytes, secret)) {
      refused += 1
      return { status: 401 }
    }
    const { key, title, severity, markdown, state } = Body.parse(JSON.parse(bytes.toString('utf8')))
    const known = tickets.get(key)
    const reference = known?.reference ?? `TICKET-${tickets.size + 1}`
    tickets.set(key, { key, reference, title, severity, state, markdown, deliveries: (known?.deliveries ?? 0) + 1 })
    return { status: known ? 200 : 201, body: { reference } }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const kind = [...interceptors].map(one => one(request.url ?? '')).find(one => one !== undefined)
    const givenUp = async () => response.destroyed || once(response, 'close')
    const bytes = await bodyOf(request)
    const answer = await suffer<Received>(kind, ANSWERS, async () => receive(request, bytes), givenUp)
    for (const listener of listeners) await listener()
    if (!answer) {
      response.destroy()
      return
    }
    response.writeHead(answer.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify(answer.body ?? {}))
  }

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.writeHead(400).end())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot tell the port of the tracker')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    tickets: (): readonly TrackedTicket[] => [...tickets.values()],
    refused: () => refused,
    /** Holds these tickets as well, as if they had been opened before. */
    resume(known: readonly TrackedTicket[]): void {
      for (const ticket of known) tickets.set(ticket.key, ticket)
    },
    /** Says of a request that has come what is to go wrong with it. Returns what takes the interceptor away. */
    intercept(interceptor: (url: string) => FaultKind | undefined) {
      interceptors.add(interceptor)
      return () => interceptors.delete(interceptor)
    },
    /** Called before an answer is written, and awaited. Returns what takes the listener away. */
    onAnswer(listener: () => void | Promise<void>) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    close() {
      server.closeAllConnections()
      return new Promise<void>(resolve => server.close(() => resolve()))
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > MAX_BODY) throw new Error('Cannot read ticket: it is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The time is not judged: the sandbox's clock is virtual. */
function isGenuine(headers: IncomingMessage['headers'], body: Buffer, secret: string): boolean {
  const timestamp = String(headers['firebreak-timestamp'])
  const signature = Buffer.from(String(headers['firebreak-signature']))
  const hmac = createHmac('sha256', secret).update(`${timestamp}.`).update(body).digest('hex')
  const expected = Buffer.from(`v1=${hmac}`)
  return signature.length === expected.length && timingSafeEqual(signature, expected)
}
