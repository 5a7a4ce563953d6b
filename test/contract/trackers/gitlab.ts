import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

const token = 'glpat-0123456789'

const Body = z.strictObject({
  title: z.string().min(1).max(255).optional(),
  description: z.string().max(1_048_576).optional(),
  confidential: z.boolean().optional(),
  labels: z.string().optional(),
  state_event: z.enum(['close', 'reopen']).optional(),
})

/** GitLab's issues, as https://docs.gitlab.com/api/issues/ has them. */
export async function openGitlab(t: TestContext, over: Record<string, unknown> = {}) {
  let issues: { iid: number; title: string; description: string; state: string; created_at: string }[] = []
  let last = 0

  function answer({ method, path, query, headers, body }: Asked): Reply {
    if (headers['private-token'] !== token) return { status: 401, body: { message: '401 Unauthorized' } }
    const [, iid] = /^\/api\/v4\/projects\/group%2Fsoc\/issues(?:\/(\d+))?$/.exec(path) ?? []
    if (!path.startsWith('/api/v4/projects/group%2Fsoc/issues'))
      return { status: 404, body: { message: '404 Project Not Found' } }
    if (method === 'GET') {
      const size = Number(query.get('per_page') ?? 20)
      const from = (Number(query.get('page') ?? 1) - 1) * size
      // Without scope=all only the caller's own are listed.
      const listed = query.get('scope') === 'all' ? issues.toReversed() : []
      return { status: 200, body: listed.slice(from, from + size) }
    }
    const parsed = Body.safeParse(JSON.parse(body))
    if (!parsed.success)
      return { status: 400, body: { message: { title: ['is too long (maximum is 255 characters)'] } } }
    const { state_event, title = '', description = '' } = parsed.data
    if (method === 'POST' && iid === undefined) {
      const issue = { iid: ++last, title, description, state: 'opened', created_at: new Date().toISOString() }
      issues.push(issue)
      return { status: 201, body: issue }
    }
    const issue = issues.find(one => one.iid === Number(iid))
    if (!issue || method !== 'PUT') return { status: 404, body: { message: '404 Issue Not Found' } }
    Object.assign(issue, { title, description }, state_event === 'close' ? { state: 'closed' } : {})
    return { status: 200, body: issue }
  }

  const server = await openServer(t, answer)
  const settings = TicketSettings.parse({
    target: 'gitlab',
    url: server.url,
    token,
    project: 'group/soc',
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return {
    ...opened(server, settings),
    secrets: [token],
    tickets: () =>
      issues.map(({ title, description, state }) => ({
        key: /<!-- firebreak:([\w-]+) -->/.exec(description)?.[1] ?? '',
        title,
        body: description,
        open: state === 'opened',
      })),
    empty: () => {
      issues = []
    },
    double: () => {
      const [first] = issues
      if (first) issues.push({ ...first, iid: ++last })
    },
  }
}
