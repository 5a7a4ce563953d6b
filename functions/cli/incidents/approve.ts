import type { Shown } from '../../core/answers.ts'
import type { JournalLine } from '../../core/journal.ts'
import { plain } from '../../report/text.ts'
import type { Output } from '../output.ts'
import { withDeployment } from './deployment.ts'
import { awaitLane } from './waiting.ts'

export interface ApproveOptions {
  /** Seconds. */
  readonly wait: number
  readonly json?: boolean
}

interface Approved {
  readonly outcome: 'approved' | 'not-cut'
  /** As the journal says it. */
  readonly said: string
  readonly state: string
}

/** Asks for the cut that policy left to a person. True once it is approved in the lane; the cut's proof comes later. */
export async function approveIncident(id: string, { wait, json }: ApproveOptions, output: Output): Promise<boolean> {
  return withDeployment(async deployment => {
    const { incident } = await deployment.show(id)
    const queued = await deployment.order({ verb: 'approve', instance: incident.instance, incident: incident.id })
    const approved = wait > 0 ? await awaitLane(deployment, queued, wait, approvalIn) : undefined
    const what = `${plain(queued.instance)} (${plain(queued.id)})`
    if (json) output.out(`${JSON.stringify({ ...queued, ...(approved ?? { outcome: 'waiting' }) })}\n`)
    else if (!approved)
      output.out(
        `The approval of ${what} is in its lane and not taken up yet: see npx firebreak incidents show ${queued.id}\n`,
      )
    else
      output.out(
        approved.outcome === 'approved'
          ? `${what}: ${plain(approved.said)}; the cut is ${approved.state}. Watch it: npx firebreak incidents show ${queued.id} --watch\n`
          : `${what} is not cut: ${plain(approved.said)}\n`,
      )
    return approved?.outcome === 'approved' || (wait === 0 && approved === undefined)
  })
}

function approvalIn({ incident }: Shown, lines: readonly JournalLine[]): Approved | undefined {
  const state = incident.cut.state
  const done = lines.find(({ kind }) => kind === 'approved')
  if (done) return { outcome: 'approved', said: done.text, state }
  const refused = lines.find(({ kind, text }) => kind === 'note' && /^Approved by .* and not cut: /.test(text))
  return refused && { outcome: 'not-cut', said: refused.text, state }
}
