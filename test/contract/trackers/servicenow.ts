import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

const password = 'correct-horse-battery'
const basic = Buffer.from(`firebreak:${password}`).toString('base64')

const Body = z.strictObject({
  short_description: z.string().max(160).optional(),
  description: z.string().max(4000).optional(),
  correlation_id: z.string().max(100).optional(),
  correlation_display: z.string().max(100).optional(),
  urgency: z.enum(['1', '2', '3']).optional(),
  impact: z.enum(['1', '2', '3']).optional(),
  state: z.string().optional(),
  close_code: z.string().optional(),
  close_notes: z.string().optional(),
})

/** ServiceNow's Table API, with an incident's data policy: what is resolved has a code and notes. */
export async function openServicenow(t: TestContext, over: Record<string, unknown> = {}) {
  let rows: (z.infer<typeof Body> & { sys_id: string; number: string })[] = []
  let last = 0
  const ids = () => ({ sys_id: String(++last).padStart(32, 'a'), number: `INC${String(last).padStart(7, '0')}` })
  const failure = (status: number, message: string): Reply => ({
    status,
    body: { error: { message, detail: 'see the log' }, status: 'failure' },
  })

  function answer({ method, path, query, headers, body }: Asked): Reply {
    if (headers.authorization !== `Basic ${basic}`) return failure(401, 'User Not Authenticated')
    const [, id] = /^\/api\/now\/table\/incident(?:\/([0-9a-z]+))?$/.exec(path) ?? []
    if (!path.startsWith('/api/now/table/incident')) return failure(400, 'Invalid table')
    if (method === 'GET') {
      const [, key] = /^correlation_id=([\w-]+)\^ORDERBYsys_created_on$/.exec(query.get('sysparm_query') ?? '') ?? []
      const result = rows.filter(row => row.correlation_id === key)
      return { status: 200, body: { result: result.map(({ sys_id, number }) => ({ sys_id, number })) } }
    }
    const parsed = Body.safeParse(JSON.parse(body))
    if (!parsed.success) return failure(400, 'Invalid field')
    if (method === 'POST' && id === undefined) {
      const row = { ...parsed.data, state: '1', ...ids() }
      rows.push(row)
      return { status: 201, body: { result: { sys_id: row.sys_id, number: row.number } } }
    }
    const row = rows.find(one => one.sys_id === id)
    if (!row) return failure(404, 'No Record found')
    if (parsed.data.state === '6' && !(parsed.data.close_code && parsed.data.close_notes))
      return failure(403, 'Data Policy Exception: close_code, close_notes')
    Object.assign(row, parsed.data)
    return { status: 200, body: { result: { sys_id: row.sys_id, number: row.number } } }
  }

  const server = await openServer(t, answer)
  const settings = TicketSettings.parse({
    target: 'servicenow',
    url: server.url,
    user: 'firebreak',
    password,
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return {
    ...opened(server, settings),
    secrets: [password, basic],
    tickets: () =>
      rows.map(({ correlation_id = '', short_description = '', description = '', state }) => ({
        key: correlation_id,
        title: short_description,
        body: description,
        open: state === '1',
      })),
    empty: () => {
      rows = []
    },
    double: () => {
      const [first] = rows
      if (first) rows.push({ ...first, ...ids() })
    },
  }
}
