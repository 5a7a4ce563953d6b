import { createHash } from 'node:crypto'
import * as z from 'zod'
import type { Moment } from './moment.ts'
import { withoutMade } from './points.ts'
import { isIn, linesOf } from './projection.ts'

/** Milliseconds since the epoch, chain hashes, and the versions of rows: two runs that did the same differ in them. */
const OF_ONE_RUN = /"version":\{"N":"\d+"\}|\b1[67]\d{11}\b|\b[0-9a-f]{64}\b/g

/** What grows with every try and changes nothing of what the next one does: counts, and what the journal tells. */
const OF_TRIES = /"attempts":\{"N":"\d+"\}|"sequence":\{"N":"\d+"\}|"pending":\{"L":\[.*?\]\}(?=[,}])/g

/** What the log says goes on by itself, whoever was ended; the rest is Firebreak's own. */
const OF_THE_LOG = /^\[\{"S":"(?:traffic|acl|names?|host)\//

/**
 * Equal for moments from which all goes on in the same way: a function that was ended at a read leaves what one leaves that
 * was ended at the read before, so that such moments are gone on from once.
 */
export function digestOf(moment: Moment, before: Moment): string {
  return digest(moment, before, rowsOf(moment))
}

/** Equal also where it took more tries to come there, and where other files were collected until then: each stands for itself. */
export function roughDigestOf(moment: Moment, before: Moment): string {
  const rows = rowsOf(moment, key => !key.includes('journal/')).map(text => text.replaceAll(OF_TRIES, ''))
  const { buckets: _files, ...cloud } = moment.cloud
  return digest({ ...moment, cloud, tickets: [] }, before, rows)
}

function rowsOf({ items }: Moment, isTold: (key: string) => boolean = () => true): string[] {
  return [...items].filter(([key]) => !OF_THE_LOG.test(key) && isTold(key)).map(([, item]) => textOf(item))
}

const Incident = z.looseObject({
  releasedBy: z.unknown().optional(),
  steps: z.object({ M: z.record(z.string(), z.object({ M: z.looseObject({ status: z.object({ S: z.string() }) }) })) }),
})
const Item = z.object({ value: z.object({ M: Incident }) })

/** How far the incident has come, stage by stage of the playbook and then of the release. */
export function stageOf({ items }: Moment): number {
  const item = [...items].find(([key]) => key.startsWith('[{"S":"incidents"}'))?.[1]
  if (item === undefined) return 0
  const { steps, releasedBy } = Item.parse(item).value.M
  const statuses = Object.entries(steps.M).map(([id, { M }]) => ({ id, status: M.status.S }))
  const isDone = (id: string) => statuses.some(one => one.id === id && one.status === 'done')
  if (releasedBy !== undefined) return 6 + Math.floor(statuses.filter(({ status }) => status === 'reverted').length / 4)
  if (!isDone('swap-groups')) return 1
  if (!isDone('snapshot')) return 2
  if (!isDone('collect')) return 3
  return statuses.every(({ status }) => status === 'done') ? 5 : 4
}

function digest({ cloud, lane, tickets }: Moment, before: Moment, rows: readonly string[]): string {
  const told = [...rows, textOf(lane), textOf(tickets)].map(text =>
    withoutMade(text.replaceAll(OF_ONE_RUN, '#'), id => isIn(before.cloud, id)),
  )
  return createHash('sha256')
    .update(textOf([linesOf(cloud, before.cloud), told]))
    .digest('hex')
}

function textOf(value: unknown): string {
  return JSON.stringify(value)
}
