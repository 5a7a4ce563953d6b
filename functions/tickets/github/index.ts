import * as z from 'zod'
import type { Ticket, TicketTarget } from '../../core/ports.ts'
import { file } from '../http/filing.ts'
import { MAX_PAGE_BYTES, marked, markOf, PAGE_SIZE } from '../http/mark.ts'
import { openSession, type Session, type Tracker } from '../http/session.ts'
import { titleWithin } from '../http/title.ts'
import type { GithubSettings } from './settings.ts'

/** Of an issue: a title of 256 characters and a body of 65,536. */
const MAX_TITLE = 256
const MAX_BODY = 65_000

const Issue = z.object({ number: z.number().int().positive() })

const Listing = z.array(
  z.object({
    number: z.number().int().positive(),
    body: z.string().nullish(),
    created_at: z.iso.datetime({ offset: true }),
    pull_request: z.unknown().optional(),
  }),
)

/**
 * An issue in a repository (https://docs.github.com/en/rest/issues/issues). A mark in its body names the incident. A person
 * who closes it early is not overruled.
 */
export function github(settings: GithubSettings): TicketTarget {
  const { repository, labels } = settings
  const tracker: Tracker = {
    name: 'GitHub',
    url: settings.url,
    settings,
    secrets: [settings.token],
    headers: () => ({
      Authorization: `Bearer ${settings.token}`,
      Accept: 'application/vnd.github+json',
      'X-GitHub-Api-Version': '2022-11-28',
    }),
    // Rate limits answer 403 too (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
    throttled: ({ status, headers }) =>
      (status === 403 && headers.has('retry-after')) ||
      ((status === 403 || status === 429) && headers.get('x-ratelimit-remaining') === '0'),
  }
  return {
    id: settings.name ?? 'github',
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
    const path = `/repos/${repository}/issues`
    const mark = markOf(ticket.key)
    const content = {
      title: titleWithin(ticket.title, MAX_TITLE),
      body: `${ticket.body('markdown', MAX_BODY)}\n${mark}\n`,
    }
    return {
      find: () =>
        marked(mark, ticket.openedAt, async page => {
          const query = {
            state: 'all',
            sort: 'created',
            direction: 'desc',
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
          return listing.map(({ number, body, created_at, pull_request }) => ({
            reference: String(number),
            text: pull_request === undefined ? (body ?? '') : '',
            createdAt: Date.parse(created_at),
          }))
        }),
      async create() {
        const json = { ...content, ...(labels.length > 0 ? { labels } : {}) }
        const { number } = await session.json(Issue, { method: 'post', path, json, repeatable: false })
        return String(number)
      },
      async update(reference: string) {
        const json = { ...content, ...(closing ? { state: 'closed', state_reason: 'completed' } : {}) }
        const issue = await session.unlessGone(
          session.json(Issue, {
            method: 'patch',
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
