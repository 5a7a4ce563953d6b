import { createHash } from 'node:crypto'
import { evidenceOf } from '../../core/evidence.ts'
import type { Incident } from '../../core/incident.ts'
import { listIncidents } from '../../core/incident-store.ts'
import { type JournalEntry, readJournal } from '../../core/journal.ts'
import type { Ledger } from '../../core/ports.ts'
import type { Cloud } from '../../sandbox/cloud.ts'
import { objectIn } from '../../sandbox/s3/objects.ts'
import type { Deployment } from './deployment.ts'
import type { Outcome } from './outcome.ts'

export interface Observed {
  readonly outcome: Outcome
  /** What the report tells of; absent where no incident was opened. */
  readonly told: { readonly incident: Incident; readonly journal: readonly JournalEntry[] } | undefined
}

/** Puts what Firebreak wrote beside what the sandbox knows to be true. */
export async function observe(
  { scenario, built, network, tracker, deadLetters, credentialsWork }: Deployment,
  ledger: Ledger,
  trips: { readonly roundTrips: number; readonly ledgerTrips: number } | undefined,
): Promise<Observed> {
  const { cloud, members } = built
  const incidents = (await listIncidents(ledger)).held.map(({ incident }) => incident)
  const target = members.find(({ name }) => name === scenario.expect.instance)
  const incident = incidents.find(({ instance }) => instance === target?.instance) ?? incidents[0]
  const cutAt = incident?.cut.first
  // Where nothing was cut, what passes is what passed since the live phase began.
  const since = Math.max(cutAt ?? network.live, network.live)
  const instance = incident?.instance ?? target?.instance
  const quarantine = incident?.quarantine
  const held = [...cloud.interfaces.values()].filter(one => one.instance === instance)
  const snapshots = [...cloud.snapshots.values()].filter(({ tags }) => tags['firebreak:incident'] !== undefined)
  const addresses = [...cloud.addresses.values()].filter(one => held.some(({ id }) => id === one.interface))
  const had = incident?.restorePoint?.interfaces.flatMap(({ publicAddresses }) => publicAddresses) ?? []
  const stopped = instance !== undefined && cloud.instances.get(instance)?.state !== 'running'
  const outcome: Outcome = {
    scenario: scenario.name,
    cloud: 'aws',
    decision: incident ? (incident.verdict === 'isolate' ? 'isolate' : 'alert') : 'none',
    incidents: incidents.length,
    cut: {
      state: incident?.cut.state ?? 'none',
      reasons: incident?.cut.reasons ?? [],
      roundTrips: trips?.roundTrips ?? 0,
      ledgerTrips: trips?.ledgerTrips ?? 0,
      residualBytes: instance === undefined ? 0 : network.residualBytes(instance, since),
      interfaces: held.filter(({ groups }) => groups.length === 1 && groups[0] === quarantine).length,
    },
    volumes: cutAt === undefined ? 0 : [...cloud.volumes.values()].filter(one => one.instance === instance).length,
    snapshots: snapshots.length,
    evidence: evidenceIn(cloud, incident),
    tickets: tracker.tickets().length,
    denied: [...new Set([...cloud.acls.values()].flatMap(deniedIn))],
    refusals: [...new Set(incident?.denials.filter(({ allowed }) => !allowed).map(({ reason }) => reason))],
    toolCalls: toolCallsOf(incident),
    credentialsWork: instance !== undefined && (await credentialsWork(instance)),
    escalated: stopped || (had.length > 0 && addresses.length === 0 && !held.some(isPublic)),
    untouched: scenario.expect.untouched.filter(name => {
      const member = members.find(one => one.name === name)
      return member !== undefined && network.residualBytes(member.instance, since) > 0
    }),
    survivors:
      cutAt === undefined || instance === undefined
        ? []
        : network.survivors(instance, since).map(({ label, bytes }) => ({ label, bytes })),
    ...(cutAt === undefined ? {} : { cutAfterMs: cutAt - network.live }),
    deadLetters: await deadLetters(),
  }
  const journal = incident && (await readJournal(ledger, incident.id))
  return { outcome, told: incident && journal && { incident, journal } }
}

/** Only what really stands in the bucket, byte for byte. */
function evidenceIn({ buckets }: Cloud, incident: Incident | undefined): Outcome['evidence'] {
  const { folder, files } = incident ? evidenceOf(incident) : { folder: '', files: [] }
  const [, name = '', prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(folder) ?? []
  const bucket = buckets?.get(name)
  const standing = files.filter(({ name, sha256, version }) => {
    const stored = bucket && objectIn(bucket, `${prefix}${name}`, version)
    return stored && createHash('sha256').update(stored.bytes).digest('hex') === sha256
  })
  return { files: standing.length, folder }
}

/** What the findings say of tool calls at the opening of a peer's connection. */
function toolCallsOf(incident: Incident | undefined): string[] {
  const signals = incident?.findings.flatMap(finding => finding.signals) ?? []
  const said = signals.filter(({ family, peer }) => family === 'host' && peer !== undefined).map(({ detail }) => detail)
  return [...new Set(said)]
}

/** Single addresses that an ACL drops: the fixed last rule drops ranges. */
function deniedIn({
  entries,
}: {
  readonly entries: readonly { readonly allow: boolean; readonly cidr: string }[]
}): string[] {
  return entries
    .filter(({ allow, cidr }) => !allow && /\/(?:32|128)$/.test(cidr))
    .map(({ cidr }) => cidr.replace(/\/\d+$/, ''))
}

function isPublic(one: object): boolean {
  return 'publicAddress' in one && one.publicAddress !== undefined
}
