import { Budget, budgetKey } from './budget.ts'
import { aclsOf, type NeighbourUse } from './denial.ts'
import type { Description } from './description.ts'
import type { Peer, Placement } from './finding.ts'
import { type Halt, readHalt } from './halt.ts'
import { type Held, loadIncident } from './incident-store.ts'
import { InstanceRow, inventoryKeys, NetworkRow, ScopeRow } from './inventory.ts'
import { leaseKey } from './leases.ts'
import type { Instances, Ledger, Row } from './ports.ts'

export interface SurveyPorts {
  readonly ledger: Ledger
  readonly instances: Instances
  /** Whether other interfaces behind an ACL use a peer. One ledger round trip deep. */
  readonly neighbourUse: (acl: string, peer: string, own: readonly string[]) => Promise<NeighbourUse>
}

/** All that must be known before the first change. */
export interface Situation {
  readonly held: Held | undefined
  readonly description: Description | undefined
  readonly row: InstanceRow | undefined
  readonly network: NetworkRow | undefined
  readonly inScope: number
  readonly halt: Halt | undefined
  readonly budget: { readonly value: Budget; readonly row: Row | undefined }
  readonly leases: ReadonlyMap<string, Row | undefined>
  readonly neighbourUse: (acl: string, peer: string) => NeighbourUse
  /** Whether the question about a peer was asked. */
  readonly asked: (peer: string) => boolean
}

/**
 * Asks the cloud and the ledger at once. The placement that the finding carries saves the second question: only where it
 * is missing or no longer true does a further round trip follow.
 */
export async function survey(
  ports: SurveyPorts,
  instance: string,
  peers: readonly Peer[],
  placement: Placement | undefined,
  signal: AbortSignal,
): Promise<Situation> {
  const { ledger } = ports
  const hinted = [...new Set(placement?.interfaces.map(({ acl }) => acl) ?? [])]
  const own = placement?.interfaces.map(({ id }) => id) ?? []
  const [description, held, row, network, inScope, budget, halt, shared] = await Promise.all([
    ports.instances.describe(instance, placement?.vpc, signal),
    loadIncident(ledger, instance),
    ledger.read(inventoryKeys.instance(instance)),
    placement && ledger.read(inventoryKeys.network(placement.vpc)),
    readScope(ledger),
    ledger.read(budgetKey),
    readHalt(ledger),
    askShared(ports, hinted, peers, own),
  ])
  // An interface that moved to another instance was asked about as this one's own: its use must count as a neighbour's.
  const live = description?.interfaces.map(({ id }) => id) ?? []
  const stale = own.some(id => !live.includes(id))
  const missing = description
    ? aclsOf(description)
        .filter(({ id }) => stale || !hinted.includes(id))
        .map(({ id }) => id)
    : []
  const moved = description !== undefined && description.vpc !== placement?.vpc
  const [late, lateNetwork] = await Promise.all([
    askShared(ports, missing, peers, live),
    moved ? ledger.read(inventoryKeys.network(description.vpc)) : network,
  ])
  const uses = new Map([...shared.uses, ...late.uses])
  return {
    held,
    description,
    row: row && InstanceRow.parse(row.value),
    network: lateNetwork && NetworkRow.parse(lateNetwork.value),
    inScope,
    halt,
    budget: { value: budget ? Budget.parse(budget.value) : { cuts: [] }, row: budget },
    leases: new Map([...shared.leases, ...late.leases]),
    neighbourUse: (acl, peer) => uses.get(`${acl} ${peer}`) ?? 'unknown',
    asked: peer => peers.some(({ address }) => address === peer),
  }
}

/** How many instances are in scope, as verify counted them; 0 before its first run. */
export async function readScope(ledger: Ledger): Promise<number> {
  const row = await ledger.read(inventoryKeys.scope)
  return row ? ScopeRow.parse(row.value).inScope : 0
}

async function askShared(ports: SurveyPorts, acls: readonly string[], peers: readonly Peer[], own: readonly string[]) {
  const addresses = [...new Set(peers.map(({ address }) => address))]
  const [leases, uses] = await Promise.all([
    Promise.all(acls.map(async acl => [acl, await ports.ledger.read(leaseKey(acl))] as const)),
    Promise.all(
      acls.flatMap(acl =>
        addresses.map(async peer => [`${acl} ${peer}`, await ports.neighbourUse(acl, peer, own)] as const),
      ),
    ),
  ])
  return { leases, uses }
}
