import type { TestContext } from 'node:test'
import * as z from 'zod'
import { TicketSettings } from '../../../functions/tickets/registry.ts'
import { type Asked, openServer, type Reply } from '../tracker-server.ts'
import { opened } from './opened.ts'

const email = 'soc@example.com'
const token = 'ATATT0123456789'

/** How long search does not know of a new issue. */
const LAG_MS = 40

interface Issue {
  readonly id: string
  readonly key: string
  summary: string
  description: unknown
  readonly labels: readonly string[]
  done: boolean
  readonly since: number
}

const Fields = z.strictObject({
  project: z.strictObject({ key: z.literal('SOC') }).optional(),
  issuetype: z.strictObject({ name: z.literal('Task') }).optional(),
  labels: z.array(z.string().max(255).regex(/^\S+$/)).optional(),
  summary: z
    .string()
    .max(255)
    .regex(/^[^\r\n]+$/),
  description: z.unknown(),
})

const Text = z.object({ type: z.literal('text'), text: z.string().min(1) })

/** The nodes of ADF that a description may hold, as its JSON schema has them; a mention or a card would be refused here. */
const Node: z.ZodType<unknown> = z.union([
  Text.extend({ marks: z.array(z.strictObject({ type: z.literal('strong') })).optional() }).strict(),
  z.strictObject({
    type: z.enum([
      'paragraph',
      'heading',
      'bulletList',
      'listItem',
      'table',
      'tableRow',
      'tableHeader',
      'tableCell',
      'codeBlock',
    ]),
    attrs: z.record(z.string(), z.union([z.string(), z.number()])).optional(),
    content: z.array(z.lazy(() => Node)),
  }),
])
const Adf = z.strictObject({ type: z.literal('doc'), version: z.literal(1), content: z.array(Node) })

/** Jira's issues, as https://developer.atlassian.com/cloud/jira/platform/rest/v3/ (and v2 for Data Center) has them. */
export async function openJira(t: TestContext, deployment: 'cloud' | 'datacenter', over: Record<string, unknown> = {}) {
  const api = deployment === 'cloud' ? '/rest/api/3' : '/rest/api/2'
  const credentials =
    deployment === 'cloud' ? `Basic ${Buffer.from(`${email}:${token}`).toString('base64')}` : `Bearer ${token}`
  let issues: Issue[] = []
  let last = 0

  function answer({ method, path, query, headers, body }: Asked): Reply {
    if (headers.authorization !== credentials)
      return { status: 401, body: { errorMessages: ['Client must be authenticated to access this resource.'] } }
    const search = deployment === 'cloud' ? `${api}/search/jql` : `${api}/search`
    if (method === 'GET' && path === search) {
      const [, label = ''] =
        /^project = "SOC" AND labels = "([\w-]+)" ORDER BY created ASC$/.exec(query.get('jql') ?? '') ?? []
      const known = issues.filter(({ labels, since }) => labels.includes(label) && Date.now() - since > LAG_MS)
      return { status: 200, body: { issues: known.map(({ id, key }) => ({ id, key })), isLast: true } }
    }
    if (method === 'POST' && path === `${api}/issue`) {
      const read = readFields(body)
      if ('errors' in read) return { status: 400, body: { errorMessages: [], errors: read.errors } }
      const { summary, description, labels = [] } = read
      const key = `SOC-${++last}`
      const issue = { id: String(10_000 + last), key, summary, description, labels, done: false, since: Date.now() }
      issues.push(issue)
      return { status: 201, body: { id: issue.id, key, self: `https://example.atlassian.net${api}/issue/${issue.id}` } }
    }
    const [, key, transitions] = /\/issue\/([\w-]+)(\/transitions)?$/.exec(path) ?? []
    const issue = issues.find(one => one.key === key)
    if (!issue)
      return {
        status: 404,
        body: { errorMessages: ['Issue does not exist or you do not have permission to see it.'], errors: {} },
      }
    if (method === 'PUT') {
      const read = readFields(body)
      if ('errors' in read) return { status: 400, body: { errorMessages: [], errors: read.errors } }
      issue.summary = read.summary
      issue.description = read.description
      return { status: 204 }
    }
    if (method === 'POST' && transitions !== undefined) {
      if (issue.done) return { status: 400, body: { errorMessages: ['It is not a valid transition'], errors: {} } }
      issue.done = JSON.parse(body).transition.id === '31'
      return { status: 204 }
    }
    if (transitions !== undefined) return { status: 200, body: { transitions: OFFERED } }
    const status = { name: 'x', statusCategory: { id: 4, key: issue.done ? 'done' : 'indeterminate' } }
    return { status: 200, body: { id: issue.id, key: issue.key, fields: { status } } }
  }

  function readFields(body: string): z.infer<typeof Fields> | { errors: Record<string, string> } {
    const parsed = z.strictObject({ fields: Fields }).safeParse(JSON.parse(body))
    if (!parsed.success) return { errors: { summary: 'Field is not valid' } }
    const { fields } = parsed.data
    const length = (typeof fields.description === 'string' ? fields.description : JSON.stringify(fields.description))
      .length
    if (length > 32_767) return { errors: { description: 'CONTENT_LIMIT_EXCEEDED' } }
    const fits =
      deployment === 'cloud' ? Adf.safeParse(fields.description).success : typeof fields.description === 'string'
    return fits ? fields : { errors: { description: 'INVALID_INPUT' } }
  }

  const server = await openServer(t, answer)
  const settings = TicketSettings.parse({
    target: 'jira',
    url: server.url,
    deployment,
    ...(deployment === 'cloud' ? { email } : {}),
    token,
    project: 'SOC',
    settleMs: 400,
    timeoutMs: 1000,
    deadlineMs: 10_000,
    ...over,
  })
  return {
    ...opened(server, settings),
    secrets: [token, credentials],
    tickets: () =>
      issues.map(({ labels, summary, description, done }) => ({
        key: labels[0]?.replace('firebreak-', '') ?? '',
        title: summary,
        body: typeof description === 'string' ? description : JSON.stringify(description),
        open: !done,
      })),
    empty: () => {
      issues = []
    },
    double: () => {
      const [first] = issues
      if (first) issues.push({ ...first, key: `SOC-${++last}` })
    },
  }
}

const OFFERED = [
  { id: '11', name: 'In progress', to: { statusCategory: { key: 'indeterminate' } } },
  { id: '31', name: 'Resolve', to: { statusCategory: { key: 'done' } } },
]
