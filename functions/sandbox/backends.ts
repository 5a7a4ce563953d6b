import { EventEmitter } from 'node:events'
import dynalite from 'dynalite'
import { buildApp } from 'fauxqs'
import * as z from 'zod'

/** A request as it stands behind the front, and the answer to it. */
export interface Request {
  /** Default: POST, as most services are asked. */
  method?: string
  /** Of the URL. Absent: `/`. */
  path?: string
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

/**
 * DynamoDB by dynalite, without a port: the wire ends at the front, and its handler is called as its own server would, with
 * as much of a request and an answer as it looks at (dynalite 4.0.0, index.js). A second pair of sockets cost a third of a call.
 */
export function startLedger(): Backend {
  const server = dynalite({ createTableMs: 0, deleteTableMs: 0, updateTableMs: 0 })
  return {
    answer: ({ headers, body }) =>
      new Promise(resolve => {
        const asked = Object.assign(new EventEmitter(), { method: 'POST', url: '/', headers: endToEnd(headers) })
        const answered: Record<string, unknown> = {}
        const answer = {
          statusCode: 200,
          setHeader: (name: string, value: unknown) => {
            answered[name.toLowerCase()] = value
          },
          end: (text = '') =>
            resolve({ status: answer.statusCode, headers: endToEnd(answered), body: Buffer.from(text) }),
        }
        server.emit('request', asked, answer)
        asked.emit('data', body)
        asked.emit('end')
      }),
    // All of it is in memory, and nothing of it holds a process.
    close: async () => {},
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
