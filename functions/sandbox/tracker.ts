import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import * as z from 'zod'

const Body = z.object({ key: z.string(), title: z.string(), markdown: z.string(), state: z.string() })

/** What stands in the tracker under one key. */
export interface TrackedTicket {
  readonly reference: string
  readonly title: string
  readonly state: string
  readonly markdown: string
  readonly deliveries: number
}

const MAX_BODY = 4 << 20

/** Somebody's tracker on loopback, as docs/tickets.md asks for one: it verifies the signature and keeps one ticket a key. */
export async function openTracker(secret: string) {
  const tickets = new Map<string, TrackedTicket>()
  const listeners = new Set<() => void | Promise<void>>()
  let refused = 0

  async function receive(request: IncomingMessage): Promise<{ status: number; body?: unknown }> {
    const bytes = await bodyOf(request)
    if (!isGenuine(request.headers, bytes, secret)) {
      refused += 1
      return { status: 401 }
    }
    const { key, title, markdown, state } = Body.parse(JSON.parse(bytes.toString('utf8')))
    const known = tickets.get(key)
    const reference = known?.reference ?? `TICKET-${tickets.size + 1}`
    tickets.set(key, { reference, title, state, markdown, deliveries: (known?.deliveries ?? 0) + 1 })
    return { status: known ? 200 : 201, body: { reference } }
  }

  const server = createServer((request, response) => {
    void receive(request)
      .catch(() => ({ status: 400, body: undefined }))
      .then(async ({ status, body }) => {
        for (const listener of listeners) await listener()
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(body ?? {}))
      })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot tell the port of the tracker')
  return {
    url: `http://127.0.0.1:${address.port}/`,
    tickets: (): readonly TrackedTicket[] => [...tickets.values()],
    refused: () => refused,
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
