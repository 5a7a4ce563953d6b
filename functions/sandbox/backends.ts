import { once } from 'node:events'
import { Agent, request } from 'node:http'
import dynalite from 'dynalite'
import { buildApp } from 'fauxqs'

/** A request as it stands behind the front, and the answer to it. */
export interface Request {
  headers: Readonly<Record<string, string>>
  body: Buffer
}

export interface Answer {
  status: number
  headers: Record<string, string>
  body: Buffer
}

export interface Backend {
  answer(request: Request): Promise<Answer>
  close(): Promise<void>
}

/** DynamoDB by dynalite, on a port of its own of the loopback. */
export async function startLedger(): Promise<Backend> {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  const agent = new Agent({ keepAlive: true })
  return {
    answer: ({ headers, body }) =>
      new Promise((resolve, reject) => {
        const { connection: _, ...passed } = headers
        const forwarded = request({ host: '127.0.0.1', port, method: 'POST', path: '/', headers: passed, agent })
        forwarded.on('error', reject)
        forwarded.on('response', answer => {
          const chunks: Buffer[] = []
          answer.on('error', reject)
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 500,
              headers: flatten(answer.headers),
              body: Buffer.concat(chunks),
            }),
          )
        })
        forwarded.end(body)
      }),
    async close() {
      agent.destroy()
      server.closeAllConnections()
      await new Promise<void>((resolve, reject) => {
        server.close(failure => (failure ? reject(failure) : resolve()))
      })
    },
  }
}

/** SQS by fauxqs, without a port. A queue's URL holds the host that created it: the front's. */
export function startQueue(region: string): Backend {
  const app = buildApp({ logger: false, defaultRegion: region })
  return {
    async answer({ headers, body }) {
      const answer = await app.inject({ method: 'POST', url: '/', headers, payload: body })
      return { status: answer.statusCode, headers: flatten(answer.headers), body: answer.rawPayload }
    },
    close: async () => {
      await app.close()
    },
  }
}

const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date'])

function flatten(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) ? [] : [[name, String(value)]],
    ),
  )
}
