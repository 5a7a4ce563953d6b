import { advance, placementOf, resume } from './advancing.ts'
import type { Peer } from './finding.ts'
import type { Halt } from './halt.ts'
import type { Incident } from './incident.ts'
import { type Held, withLines } from './incident-store.ts'
import { strangeAcls } from './late-interfaces.ts'
import { peersOf } from './opening.ts'
import type { Run } from './playbook.ts'
import type { Invocation, RespondPorts, RespondSettings } from './respond-ports.ts'
import { survey } from './survey.ts'

/** Keeps an incident's row far below a ledger item's 400 KB. */
const MAX_RESIDUAL = 128

/** Denies what verify saw passing after the cut, under the same conditions as the findings' peers. */
export async function onResidual(
  ports: RespondPorts,
  settings: RespondSettings,
  held: Held,
  halt: Halt | undefined,
  peers: readonly Peer[],
  run: Run,
  invocation: Invocation,
): Promise<Incident | undefined> {
  const { incident } = held
  if (incident.verdict !== 'isolate') return resume(ports, settings, held, halt, run, invocation)
  const known = new Set(peersOf(incident).map(({ address }) => address))
  const fresh = peers.filter(({ address }) => !known.has(address))
  const asked = [...peersOf(incident), ...fresh]
  const situation = await survey(ports, incident.instance, asked, placementOf(incident), run.signal)
  // An interface that was attached since may stand behind an ACL of which nothing is decided yet.
  const behind = strangeAcls(incident, situation.description)
  if (fresh.length + behind.length === 0) return resume(ports, settings, held, halt, run, invocation)
  const at = ports.clock.now()
  const text = [
    ...(fresh.length > 0 ? [`Bytes passed after the cut with ${fresh.map(({ address }) => address).join(', ')}`] : []),
    ...(behind.length > 0 ? [`The instance stands behind ${behind.map(({ id }) => id).join(', ')} by now`] : []),
  ].join('. ')
  const widened = withLines({ ...incident, residual: [...incident.residual, ...fresh].slice(-MAX_RESIDUAL) }, [
    { at, kind: 'note', text: text.slice(0, 4096) },
  ])
  return advance(ports, settings, situation, widened, held, run, invocation)
}
