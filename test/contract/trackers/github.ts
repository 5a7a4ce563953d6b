import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

const token = 'github_pat_0123456789'

const Body = z.strictObject({
  title: z.string().min(1).max(256),
  body: z.string().max(65_536),
  labels: z.array(z.string()).optional(),
  state: z.enum(['open', 'closed']).optional(),
  state_reason: z.enum(['completed', 'not_planned', 'reopened']).optional(),
})

/** GitHub's issues, as https://docs.github.com/en/rest/issues/issues has them. */
export async function openGithub(t: TestContext, over: Record<string, unknown> = {}) {
  let issues: { number: number; title: string; body: string; state: string; created_at: string }[] = []
  let last = 0

  function answer({ method, path, query, headers, body }: Asked): Reply {
    if (headers.authorization !== `Bearer ${token}`)
      return { status: 401, body: { message: 'Bad credentials', status: '401' } }
    if (headers['user-agent'] === undefined) return { status: 403, body: 'Request forbidden by administrative rules.' }
    const [, number] = /^\/repos\/octo\/soc\/issues(?:\/(\d+))?$/.exec(path) ?? []
    if (!path.startsWith('/repos/octo/soc/issues')) return { status: 404, body: { message: 'Not Found' } }
    if (method === 'GET') {
      const size = Number(query.get('per_page') ?? 30)
      const from = (Number(query.get('page') ?? 1) - 1) * size
      const state = query.get('state') ?? 'open'
      const listed = issues.filter(one => state === 'all' || one.state === state).toReversed()
      return { status: 200, body: listed.slice(from, from + size) }
    }
    const parsed = Body.partial().safeParse(JSON.parse(body))
    if (!parsed.success)
      return { status: 422, body: { message: 'Validation Failed', errors: [{ resource: 'Issue', code: 'invalid' }] } }
    if (method === 'POST' && number === undefined) {
      const { title = '', body: text = '' } = parsed.data
      const issue = {
        number: ++last,
        title,
        body: text,
        state: 'open',
        created_at: new Date().toISOString().replace(/\.\d+/, ''),
      }
      issues.push(issue)
      return { status: 201, body: issue }
    }
    const issue = issues.find(one => one.number === Number(number))
    if (!issue) return { status: Number(number) <= last ? 410 : 404, body: { message: 'This issue was deleted' } }
    Object.assign(issue, parsed.data)
    return { status: 200, body: issue }
  }

  const server = await openServer(t, answer)
  const settings = TicketSettings.parse({
    target: 'github',
    url: server.url,
    token,
    repository: 'octo/soc',
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return {
    ...opened(server, settings),
    secrets: [token],
    tickets: () =>
      issues.map(({ title, body, state }) => ({
        key: /<!-- firebreak:([\w-]+) -->/.exec(body)?.[1] ?? '',
        title,
        body,
        open: state === 'open',
      })),
    empty: () => {
      issues = []
    },
    double: () => {
      const [first] = issues
      if (first) issues.push({ ...first, number: ++last })
    },
  }
}
