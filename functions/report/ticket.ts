import type { Incident } from '../core/incident.ts'
import type { Markup, Ticket } from '../core/ports.ts'
import { adf } from './adf.ts'
import type { ReportInput } from './input.ts'
import { markdown } from './markdown.ts'
import { plainText } from './plain-text.ts'
import { situationOf } from './situation.ts'
import { slack } from './slack.ts'
import { titleOf } from './story.ts'
import { plain } from './text.ts'
import { wiki } from './wiki.ts'

const RENDERERS = { markdown, adf, wiki, slack, text: plainText } as const satisfies Record<
  Markup,
  (input: ReportInput, limit: number) => string
>

/** The incident's one ticket, keyed by the incident, as it stands now. */
export function ticketOf(input: ReportInput): Ticket {
  const { incident } = input
  const told = { ...input, incident: withoutTickets(incident) }
  return {
    key: incident.id,
    incident: incident.id,
    instance: incident.instance,
    title: plain(titleOf(incident)),
    severity: severityOf(incident),
    markdown: markdown(told),
    state: incident.cut.state,
    drill: incident.drill,
    openedAt: incident.openedAt,
    body: (markup, limit) => RENDERERS[markup](told, limit),
  }
}

const SEVERITIES = { danger: 5, warning: 4, safe: 3, calm: 2 } as const satisfies Record<string, Ticket['severity']>

/**
 * A drill wakes nobody. Otherwise by what may still get out: 5 critical where anything may, 3 where it is proven cut. Before the
 * deadline a conversation that may still pass is 4: what ends it may be on its way. Whoever changes what the cut rests on
 * makes it no less than that.
 */
function severityOf(incident: Incident): Ticket['severity'] {
  if (incident.drill) return 1
  const { cut, escalated, alarms = [], closedAt } = incident
  const severity =
    cut.state === 'new-flows-only' && !escalated ? SEVERITIES.warning : SEVERITIES[situationOf(incident).tone]
  return closedAt === undefined && alarms.length > 0 && severity < 4 ? 4 : severity
}

/** A ticket that is being written would always say of itself that it is under way. */
function withoutTickets(incident: Incident): Incident {
  const steps = Object.entries(incident.steps).filter(([id]) => !id.startsWith('ticket-'))
  return { ...incident, steps: Object.fromEntries(steps) }
}
