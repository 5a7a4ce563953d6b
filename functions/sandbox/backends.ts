import { once } from 'node:events'
import { Agent, request } from 'node:http'
import dynalite from 'dynalite'
import { buildApp } from 'fauxqs'
import * as z from 'zod'

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
        const passed = endToEnd(headers)
        const forwarded = request({ host: '127.0.0.1', port, method: 'POST', path: '/', headers: passed, agent })
        forwarded.on('error', reject)
        forwarded.on('response', answer => {
          const chunks: Buffer[] = []
          answer.on('error', reject)
          answer.on('data', (chunk: Buffer) => chunks.push(chunk))
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 500,
              headers: endToEnd(answer.headers),
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

/** SQS by fauxqs, without a port. */
export function startQueue(region: string): Backend {
  const app = buildApp({ logger: false, defaultRegion: region })
  // fauxqs names queues after a host that not every resolver knows, and finds them by that name alone. Outside they are
  // at the front, whatever host the caller wrote before the path.
  const within = `http://sqs.${region}.localhost`
  return {
    async answer({ headers, body }) {
      const answer = await app.inject({
        method: 'POST',
        url: '/',
        headers: { ...endToEnd(headers), host: 'localhost' },
        payload: renamed(body, url => (URL.canParse(url) ? within + new URL(url).pathname : url)),
      })
      const outside = `http://${headers['host']}`
      return {
        status: answer.statusCode,
        headers: endToEnd(answer.headers),
        body: renamed(answer.rawPayload, url => url.replace(within, outside)),
      }
    },
    close: async () => {
      await app.close()
    },
  }
}

const Names = z.looseObject({ QueueUrl: z.string().optional(), QueueUrls: z.array(z.string()).optional() })

/** A body with its queues' URLs under other names; one that names no queue is left as it is. */
function renamed(body: Buffer, rename: (url: string) => string): Buffer {
  let json: unknown
  try {
    json = JSON.parse(body.toString())
  } catch {
    // The server behind says what is wrong with it.
    return body
  }
  const { success, data } = Names.safeParse(json)
  if (!success || (data.QueueUrl === undefined && data.QueueUrls === undefined)) return body
  return Buffer.from(
    JSON.stringify({
      ...data,
      ...(data.QueueUrl === undefined ? {} : { QueueUrl: rename(data.QueueUrl) }),
      ...(data.QueueUrls === undefined ? {} : { QueueUrls: data.QueueUrls.map(rename) }),
    }),
  )
}

/** What concerns one connection alone, and the length, which may change. */
const HOP_BY_HOP = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length', 'date'])

function endToEnd(headers: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || HOP_BY_HOP.has(name) ? [] : [[name, String(value)]],
    ),
  )
}
