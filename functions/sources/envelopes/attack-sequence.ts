import type { Alert, Sink } from '../../core/flow.ts'
import { kindOfType } from './finding-types.ts'
import { nameOf } from './names.ts'

/**
 * An attack sequence: one finding over several resources, made of signals that are findings of their own (GuardDuty API
 * Reference, "Sequence", "Signal", "NetworkEndpoint"; in Security Hub the same with other names).
 */
export interface AttackSequence {
  readonly type: string
  readonly title: string
  readonly instances: ReadonlySet<string>
  readonly signals: readonly SequenceSignal[]
  readonly endpoints: ReadonlyMap<string, Endpoint>
  readonly time: number
}

interface SequenceSignal {
  /** Of a signal that is a finding, the finding's type. */
  readonly name: string
  /** The instances among its resources. */
  readonly instances: readonly string[]
  readonly endpoints: readonly string[]
  readonly time: number | undefined
}

interface Endpoint {
  readonly address: string | undefined
  readonly port: number | undefined
  readonly domain: string | undefined
}

/** A signal may have hundreds of endpoints; the findings that it stands for name each. */
const MAX_ENDPOINTS = 4

/**
 * An alert for each instance and signal whose type says something, and one of the sequence for an instance of which no
 * signal does. An endpoint's direction is that of traffic, not who opened it, so no connection is the instance's own doing by
 * it; a query that one instance alone can have made is.
 */
export function emitSequence(sequence: AttackSequence, sink: Sink): void {
  for (const instance of sequence.instances) {
    const signals = sequence.signals.filter(
      ({ name, instances }) => kindOfType(name) !== 'other' && isAbout(instances, instance, sequence.instances),
    )
    if (signals.length === 0) sink.alert(alertOf(sequence, sequence.type, instance, sequence.time))
    for (const signal of signals) {
      const time = signal.time ?? sequence.time
      const alert = alertOf(sequence, signal.name, instance, time)
      const endpoints = signal.endpoints.map(id => sequence.endpoints.get(id)).filter(one => one !== undefined)
      const known = endpoints.filter(({ address, domain }) => address !== undefined || domain !== undefined)
      for (const endpoint of known.length > 0 ? known.slice(0, MAX_ENDPOINTS) : [undefined])
        sink.alert({ ...alert, ...endOf(endpoint, signal) })
    }
  }
}

/** A signal that names no instance (a container, an interface) is of the only one that there is. */
function isAbout(named: readonly string[], instance: string, all: ReadonlySet<string>): boolean {
  return named.length > 0 ? named.includes(instance) : all.size === 1
}

function alertOf({ type, title }: AttackSequence, name: string, instance: string, time: number): Alert {
  return {
    kind: kindOfType(name),
    rule: `${name} ${name === type ? title : `in ${type}`}`.slice(0, 256),
    ...{ source: '', sourcePort: 0, destination: '', destinationPort: 0, protocol: 6, blocked: false },
    instance,
    firewall: undefined,
    time,
  }
}

function endOf(endpoint: Endpoint | undefined, { name, instances }: SequenceSignal): Partial<Alert> {
  if (name.endsWith('!DNS')) {
    const domain = nameOf(endpoint?.domain)
    const own = domain !== undefined && instances.length === 1
    return { destinationPort: 53, protocol: 17, ...(own && { own: 'query', name: domain }) }
  }
  return { destination: endpoint?.address ?? '', destinationPort: endpoint?.port ?? 0 }
}
