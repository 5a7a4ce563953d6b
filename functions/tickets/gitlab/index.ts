import * as z from 'zod'
import type { Ticket, TicketTarget } from '../../core/ports.ts'
import { file } from '../http/filing.ts'
import { MAX_PAGE_BYTES, marked, markOf, PAGE_SIZE } from '../http/mark.ts'
import { openSession, type Session, type Tracker } from '../http/session.ts'
import { titleWithin } from '../http/title.ts'
import type { GitlabSettings } from './settings.ts'

/** Of an issue: a title of 255 characters; a description may have 1,048,576, which nobody reads. */
const MAX_TITLE = 255
const MAX_DESCRIPTION = 65_000

const Issue = z.object({ iid: z.number().int().positive() })

const Listing = z.array(
  Issue.extend({ description: z.string().nullish(), created_at: z.iso.datetime({ offset: true }) }),
)

/**
 * An issue in a project (https://docs.gitlab.com/api/issues/). A mark in its description names the incident. No line of it
 * begins with text from outside, so none is a quick action. A person who closes it early is not overruled.
 */
export function gitlab(settings: GitlabSettings): TicketTarget {
  const { project, labels, confidential } = settings
  const tracker: Tracker = {
    name: 'GitLab',
    url: settings.url,
    settings,
    secrets: [settings.token],
    headers: () => ({ 'PRIVATE-TOKEN': settings.token }),
  }
  return {
    id: settings.name ?? 'gitlab',
    put(ticket, reference, signal, attempt = 1) {
      const session = openSession(tracker, ticket.key, signal)
      const closing = ticket.state === 'restored'
      return file(desk(session, ticket, closing), session, reference, {
        closing,
        retries: settings.retries,
        retried: attempt > 1,
      })
    },
  }

  function desk(session: Session, ticket: Ticket, closing: boolean) {
    const path = `/api/v4/projects/${encodeURIComponent(project)}/issues`
    const mark = markOf(ticket.key)
    const content = {
      title: titleWithin(ticket.title, MAX_TITLE),
      description: `${ticket.body('markdown', MAX_DESCRIPTION)}\n${mark}\n`,
    }
    return {
      find: () =>
        marked(mark, ticket.openedAt, async page => {
          const query = {
            scope: 'all',
            order_by: 'created_at',
            sort: 'desc',
            per_page: String(PAGE_SIZE),
            page: String(page),
          }
          const listing = await session.json(Listing, {
            method: 'get',
            path,
            query,
            repeatable: true,
            most: MAX_PAGE_BYTES,
          })
          return listing.map(({ iid, description, created_at }) => ({
            reference: String(iid),
            text: description ?? '',
            createdAt: Date.parse(created_at),
          }))
        }),
      async create() {
        const json = { ...content, confidential, ...(labels.length > 0 ? { labels: labels.join(',') } : {}) }
        const { iid } = await session.json(Issue, { method: 'post', path, json, repeatable: false })
        return String(iid)
      },
      async update(reference: string) {
        const json = { ...content, ...(closing ? { state_event: 'close' } : {}) }
        const issue = await session.unlessGone(
          session.json(Issue, {
            method: 'put',
            path: `${path}/${encodeURIComponent(reference)}`,
            json,
            repeatable: true,
          }),
        )
        return issue && []
      },
    }
  }
}
