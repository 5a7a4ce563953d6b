import { advance, placementOf, resume } from './advancing.ts'
import { lateness } from './approval.ts'
import { type Halt, haltedBecause } from './halt.ts'
import type { Incident } from './incident.ts'
import { type Held, withLines } from './incident-store.ts'
import { peersOf } from './opening.ts'
import type { Run } from './playbook.ts'
import { refusalOf } from './policy.ts'
import type { Invocation, RespondPorts, RespondSettings } from './respond-ports.ts'
import { tellUncut } from './settling.ts'
import { survey } from './survey.ts'

/** Cuts what a person approved, where nothing has come to stand against it since it was asked for. */
export async function onApproval(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  halt: Halt | undefined,
  by: string,
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const { incident } = held
  if (incident.verdict === 'isolate') return resume(ports, settings, held, halt, run, invocation)
  const situation = await survey(ports, incident.instance, peersOf(incident), placementOf(incident), run.signal)
  const now = ports.clock.now()
  const refusal = incident.drill
    ? incident.verdictReason
    : refusalOf(incident.instance, situation.description, situation.row, settings.policy, now)
  if (refusal !== undefined) {
    const refused = withLines({ ...incident, verdict: 'refused', verdictReason: refusal }, [
      { at: now, kind: 'note', text: `Approved by ${by} and not cut: ${refusal}` },
    ])
    return advance(ports, settings, situation, refused, held, run, invocation)
  }
  const late = lateness(incident, now)
  if (late !== undefined) return tellUncut(ports, held, `Approved by ${by} and not cut: ${late}`, run, invocation)
  const halted = haltedBecause(situation.halt)
  if (halted !== undefined) return tellUncut(ports, held, `Approved by ${by} and not cut: ${halted}`, run, invocation)
  const approved = withLines({ ...incident, verdict: 'isolate', verdictReason: `Approved by ${by}`, approvedBy: by }, [
    { at: now, kind: 'approved', text: `Approved by ${by}` },
  ])
  return advance(ports, settings, situation, approved, held, run, invocation)
}
