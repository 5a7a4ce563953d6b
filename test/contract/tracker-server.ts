import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { TestContext } from 'node:test'
import type { Mishap } from './ticket.ts'

export interface Asked {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON; a string as it is. */
  readonly body?: unknown
}

/** A tracker on loopback: `answer` is the tracker, this is the road to it, where mishaps meet the requests that write. */
export async function openServer(
  t: TestContext,
  answer: (asked: Asked) => Reply,
  isWrite: (asked: Asked) => boolean = ({ method }) => method !== 'GET',
) {
  const asked: Asked[] = []
  const onWrites: Mishap[] = []
  const onReads: Mishap[] = []
  let notBefore = 0
  let weather: Weather = 'fair'

  function mishapFor(writes: boolean): Mishap | undefined {
    return writes ? (onWrites.shift() ?? MEANWHILE[weather]) : onReads.shift()
  }

  async function onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const one: Asked = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: await textOf(request),
    }
    asked.push(one)
    const writes = isWrite(one)
    if (weather === 'down') return void request.socket.destroy()
    if (weather === 'slow' && !writes) return
    if (writes && Date.now() < notBefore) return send(response, { status: 403 })
    const mishap = mishapFor(writes)
    if (mishap === 'silence') return
    if (mishap === 'flood') return flood(response)
    if (mishap === 'page') return send(response, { status: 200, headers: HTML, body: PAGE })
    if (typeof mishap === 'object' && 'after' in mishap) {
      // An HTTP date has whole seconds: the next one that is late enough.
      notBefore =
        mishap.as === 'date' ? Math.ceil(Date.now() / 1000 + mishap.after) * 1000 : Date.now() + mishap.after * 1000
      const value = mishap.as === 'date' ? new Date(notBefore).toUTCString() : String(mishap.after)
      return send(response, { status: 429, headers: { 'retry-after': value } })
    }
    if (typeof mishap === 'object' && 'answer' in mishap) return send(response, { status: mishap.answer })
    if (typeof mishap === 'object' && 'status' in mishap) return send(response, mishap)

    const reply = answer(one)
    switch (mishap) {
      case 'lost-answer':
        return void request.socket.destroy()
      case 'done-and-500':
        return send(response, { status: 500, headers: HTML, body: PAGE })
      case 'done-and-page':
        return send(response, { status: 200, headers: HTML, body: PAGE })
      case 'done-and-nothing':
        return send(response, { status: reply.status })
      case 'done-and-slow':
        return void response.writeHead(reply.status, { 'content-length': '1000' }).write('{')
      case undefined:
        return send(response, reply)
    }
  }

  const server = createServer(
    (request, response) =>
      void onRequest(request, response).catch(thrown => send(response, { status: 500, body: String(thrown) })),
  )
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.after(async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('Cannot tell the port of the tracker')
  return {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    next: (...some: readonly Mishap[]) => void onWrites.push(...some),
    nextLook: (...some: readonly Mishap[]) => void onReads.push(...some),
    become: (next: Weather) => {
      weather = next
    },
  }
}

/** How the tracker meets all requests: `slow` acts and does not answer, `broken` acts and answers 500. */
export type Weather = 'fair' | 'down' | 'slow' | 'broken'

const MEANWHILE: Readonly<Record<Weather, Mishap | undefined>> = {
  fair: undefined,
  down: undefined,
  slow: 'done-and-slow',
  broken: 'done-and-500',
}

const HTML = { 'content-type': 'text/html' }
const PAGE = '<!doctype html><title>Sign in</title><h1>Something went wrong</h1>'

function send(response: ServerResponse, { status, headers = {}, body }: Reply): void {
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

/** 10 MB and on, until nobody reads. */
function flood(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  const chunk = Buffer.alloc(16_384, '[')
  const more = () => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', more)
  more()
}
