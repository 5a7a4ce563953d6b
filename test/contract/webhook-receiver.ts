import { createHmac, timingSafeEqual } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import * as z from 'zod'
import type { Held, Mishap } from './ticket.ts'

const Body = z.object({ key: z.string(), title: z.string(), markdown: z.string() })

export interface Received {
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

/** A receiver as docs/tickets.md asks for one, on loopback, over the real wire. */
export async function openReceiver(t: TestContext, secret: string, now: () => number) {
  const held = new Map<string, Held & { readonly reference: string }>()
  const received: Received[] = []
  const mishaps: (Mishap | Answer)[] = []
  let notBefore = 0

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await textOf(request)
    received.push({ headers: request.headers, body })
    if (Date.now() < notBefore) return answer(response, 403)
    const mishap = mishaps.shift()
    if (mishap === 'silence') return
    if (mishap === 'flood') return flood(response)
    if (typeof mishap === 'object' && 'after' in mishap) {
      // An HTTP date has whole seconds: the next one that is late enough.
      notBefore =
        mishap.as === 'date' ? Math.ceil(Date.now() / 1000 + mishap.after) * 1000 : Date.now() + mishap.after * 1000
      const value = mishap.as === 'date' ? new Date(notBefore).toUTCString() : String(mishap.after)
      return answer(response, 429, { 'retry-after': value })
    }
    if (typeof mishap === 'object' && 'answer' in mishap) return answer(response, mishap.answer)
    if (!isGenuine(request.headers, body, secret, now())) return answer(response, 401)

    const { key, title, markdown } = Body.parse(JSON.parse(body))
    const reference = held.get(key)?.reference ?? `TICKET-${held.size + 1}`
    held.set(key, { key, title, markdown, reference })
    if (mishap === 'lost-answer') return void request.socket.destroy()
    if (mishap) return answer(response, mishap.status, mishap.headers, mishap.body)
    answer(
      response,
      201,
      { 'content-type': 'application/json' },
      JSON.stringify({ reference, url: 'https://example.com/1' }),
    )
  }

  const server = createServer(
    (request, response) => void onRequest(request, response).catch(() => answer(response, 500)),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot tell the port of the receiver')
  return {
    url: `http://127.0.0.1:${address.port}`,
    tickets: (): readonly Held[] => [...held.values()],
    received,
    next: (...some: readonly (Mishap | Answer)[]) => void mishaps.push(...some),
  }
}

/** A success with an answer of one's own. */
export interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** The recipe of docs/tickets.md. */
function isGenuine(headers: IncomingMessage['headers'], body: string, secret: string, now: number): boolean {
  const timestamp = String(headers['firebreak-timestamp'])
  const signature = String(headers['firebreak-signature'])
  if (!(Math.abs(now / 1000 - Number(timestamp)) <= 300)) return false
  const expected = `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`
  return signature.length === expected.length && timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

function answer(response: ServerResponse, status: number, headers: Record<string, string> = {}, body = ''): void {
  response.writeHead(status, headers).end(body)
}

function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const chunk = Buffer.alloc(16_384, '[')
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}
