import { ec2Instances } from '../../clouds/aws/describe.ts'
import { awsSteps } from '../../clouds/aws/registry.ts'
import { stepClients } from '../../clouds/aws/step-clients.ts'
import type { Incident } from '../../core/incident.ts'
import { usedByOthers } from '../../core/neighbours.ts'
import type { Clock, Step } from '../../core/ports.ts'
import type { RespondPorts } from '../../core/respond-ports.ts'
import { type Render, ticketStep } from '../../core/ticket-step.ts'
import { undoOf } from '../../core/undo.ts'
import { ticketOf } from '../../report/index.ts'
import { openTarget } from '../../tickets/registry.ts'
import type { Environment } from '../config.ts'
import type { awsAdapters } from './adapters.ts'
import { stepSettings } from './step-settings.ts'

export interface RespondOptions {
  readonly clock?: Clock
  /** Narrows the playbook: a drill leaves a step out to show what it is there for. */
  readonly steps?: (steps: readonly Step[]) => readonly Step[]
}

/** What respond and verify need beside the ledger and the queue: EC2, the steps and the trackers. */
export function awsResponding(adapters: ReturnType<typeof awsAdapters>, environment: Environment) {
  const { config, ledger, clock, log, metrics, queue } = adapters
  const clients = stepClients(environment, { ledger, clock })
  const { ec2 } = clients
  const steps = awsSteps(clients, stepSettings(config))
  const undo = (incident: Incident) => undoOf(steps, incident)
  const render: Render = (incident, journal, now) => ticketOf({ incident, journal, now, undo: undo(incident) })
  const tickets = config.tickets.map(settings => ticketStep(openTarget(settings, clock), { ledger, clock, render }))
  const ports: RespondPorts = {
    clock,
    ledger,
    queue,
    log,
    metrics,
    instances: ec2Instances(ec2, environment['AWS_REGION'] ?? '', log),
    steps: [...steps, ...tickets],
    neighbourUse: (acl, peer, own) => usedByOthers(ledger, { acl, peer, interfaces: own, now: clock.now() }),
  }
  return { ec2, ports, undo }
}
