import type { Brief, Listed } from '../../core/answers.ts'
import { listed, plain, timeOf } from '../../report/text.ts'
import { haltSaid } from '../halt.ts'
import { type Output, painted } from '../output.ts'
import { withDeployment } from './deployment.ts'

export interface ListOptions {
  readonly all?: boolean
  readonly json?: boolean
}

/** Open incidents first. */
export async function listIncidents({ all = false, json }: ListOptions, output: Output): Promise<void> {
  const answer = await withDeployment(deployment => deployment.list(all))
  output.out(json ? `${JSON.stringify(answer)}\n` : said(answer))
}

function said({ account, incidents, left, unreadable, halt, suppressedInAll }: Listed): string {
  const none = `No incident in account ${account}\n`
  return [
    halt ? haltSaid(halt) : '',
    incidents.length === 0 ? none : incidents.map(lineOf).join(''),
    left > 0 ? `${left} older ones are left out\n` : '',
    ...unreadable.map(({ instance, reason }) => `${plain(instance)} cannot be read: ${plain(reason)}\n`),
    suppressedInAll > 0
      ? `${suppressedInAll} findings of the last 90 days were suppressed by the configuration (--json lists them)\n`
      : '',
  ].join('')
}

function lineOf({ id, instance, openedAt, closedAt, drill, verdict, state, rules, failed, refused }: Brief): string {
  const open = closedAt === undefined
  const cut = state === 'none' ? `not cut (${verdict})` : state
  const marks = [
    ...(drill ? ['drill'] : []),
    ...(failed.length > 0 ? [`failed: ${failed.map(plain).join(', ')}`] : []),
    ...(refused ? ['release refused'] : []),
  ]
  const line = [
    plain(id),
    plain(instance),
    open ? 'open  ' : 'closed',
    timeOf(openedAt),
    cut,
    plain(listed(rules)),
    ...marks,
  ]
  return `${open && state !== 'cut' ? painted('bold', line.join('  ')) : line.join('  ')}\n`
}
