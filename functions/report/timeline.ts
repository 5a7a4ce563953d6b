import { html } from 'hono/html'
import type { JournalLine } from '../core/journal.ts'
import type { Moment, Story } from './story.ts'
import { clockOf, dayOf, durationOf, plain } from './text.ts'

const KINDS = {
  opened: ['Opened', 'danger'],
  joined: ['Joined', 'danger'],
  intent: ['Under way', 'calm'],
  result: ['Done', 'safe'],
  failed: ['Failed', 'danger'],
  verified: ['Checked', 'calm'],
  reopened: ['Reopened', 'danger'],
  escalated: ['Escalated', 'danger'],
  alarm: ['Alarm', 'danger'],
  approved: ['Approved', 'warning'],
  released: ['Released', 'warning'],
  refused: ['Release refused', 'warning'],
  closed: ['Closed', 'calm'],
  note: ['Note', 'warning'],
} as const satisfies Record<JournalLine['kind'], readonly [string, string]>

/** `Done`, `Failed`: how a line of the journal begins. */
export function kindOf({ kind }: JournalLine): string {
  return KINDS[kind][0]
}

export function timelineSection({ timeline, incident, chain }: Story) {
  return html`<section aria-labelledby="timeline">
<h2 id="timeline">Timeline</h2>
${chain.intact ? '' : html`<p><span class="chip danger">Broken chain</span> ${plain(chain.text)}.</p>`}
${
  timeline.length === 0
    ? html`<p>The journal has no entry yet.</p>`
    : html`<div class="card"><ol class="timeline">${timeline.map((moment, index) => {
        const day = dayOf(moment.at)
        const before = timeline[index - 1]
        return html`${before && dayOf(before.at) === day ? '' : html`<li class="day">${day} (UTC)</li>`}${item(moment, incident.openedAt)}`
      })}</ol></div>`
}
</section>`
}

function item(moment: Moment, openedAt: number) {
  const [label, tone] = KINDS[moment.kind]
  const step = moment.step === undefined ? '' : html` <span class="mono">${plain(moment.step)}</span>`
  return html`<li class="${tone}"><span class="at">${clockOf(moment.at)}</span><span class="after">${after(moment.at - openedAt)}</span><span class="dot" aria-hidden="true"></span><span><b>${label}</b>${step} ${plain(moment.text)} <span class="note">${plain(moment.by)}</span></span></li>
`
}

function after(milliseconds: number): string {
  return `${milliseconds < 0 ? '−' : '+'}${durationOf(Math.abs(milliseconds))}`
}
