import type { Ticket, TicketTarget } from '../../core/ports.ts'
import { nothing } from '../http/answer.ts'
import { type Desk, file } from '../http/filing.ts'
import { openSession, type Session, type Tracker } from '../http/session.ts'
import { titleWithin } from '../http/title.ts'
import { transition } from './closing.ts'
import { Created, Found } from './schema.ts'
import type { JiraSettings } from './settings.ts'

/** Of an issue: a summary of 255 characters, a description of 32,767; that of ADF is counted as JSON, to be safe. */
const MAX_SUMMARY = 255
const MAX_DESCRIPTION = 32_000

/**
 * An issue in Jira Cloud (REST v3, description in ADF: https://developer.atlassian.com/cloud/jira/platform/rest/v3/) or Jira
 * Data Center (REST v2, wiki markup). A label names the incident. Search knows of a new issue only after some seconds, up to
 * minutes (https://developer.atlassian.com/cloud/jira/platform/search-and-reconcile), so what is not found after an unknown
 * outcome is not opened again before a later try of the step.
 */
export function jira(settings: JiraSettings): TicketTarget {
  const { settleMs, retries } = settings
  const [scheme, credentials] = credentialsOf(settings)
  const tracker: Tracker = {
    name: 'Jira',
    url: settings.url,
    settings,
    secrets: [settings.token, credentials],
    headers: () => ({ Accept: 'application/json', Authorization: `${scheme} ${credentials}` }),
  }
  return {
    id: settings.name ?? 'jira',
    put(ticket, reference, signal, attempt = 1) {
      const session = openSession(tracker, ticket.key, signal)
      return file(deskOf(settings, session, ticket), session, reference, {
        closing: ticket.state === 'restored',
        retries,
        retried: attempt > 1,
        looks: [settleMs / 8, settleMs / 4, (settleMs * 5) / 8],
        certain: false,
      })
    },
  }
}

function credentialsOf({ deployment, email, token }: JiraSettings): ['Basic' | 'Bearer', string] {
  if (deployment === 'datacenter') return ['Bearer', token]
  return ['Basic', Buffer.from(`${email}:${token}`).toString('base64')]
}

function deskOf(settings: JiraSettings, session: Session, ticket: Ticket): Desk {
  const cloud = settings.deployment === 'cloud'
  const api = cloud ? '/rest/api/3' : '/rest/api/2'
  const label = `firebreak-${ticket.key.replaceAll(/[^\w-]/g, '_')}`
  const description: unknown = cloud
    ? JSON.parse(ticket.body('adf', MAX_DESCRIPTION))
    : ticket.body('wiki', MAX_DESCRIPTION)
  const content = { summary: titleWithin(ticket.title, MAX_SUMMARY), description }
  return {
    async find() {
      const query = {
        jql: `project = "${settings.project}" AND labels = "${label}" ORDER BY created ASC`,
        fields: 'labels',
        maxResults: '20',
      }
      const path = cloud ? `${api}/search/jql` : `${api}/search`
      const { issues } = await session.json(Found, { method: 'get', path, query, repeatable: true })
      return issues.map(({ key }) => key)
    },
    async create() {
      const { project, issueType } = settings
      const fields = { project: { key: project }, issuetype: { name: issueType }, labels: [label], ...content }
      const path = `${api}/issue`
      const { key } = await session.json(Created, { method: 'post', path, json: { fields }, repeatable: false })
      return key
    },
    async update(reference) {
      const path = `${api}/issue/${encodeURIComponent(reference)}`
      const done = await session.unlessGone(
        session.read({ method: 'put', path, json: { fields: content }, repeatable: true }, nothing).then(() => true),
      )
      if (!done) return undefined
      return ticket.state === 'restored' ? transition(session, path, reference, settings.closeTransition) : []
    },
  }
}
