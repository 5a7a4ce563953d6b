import { isDeepStrictEqual } from 'node:util'
import { memoryLedger } from '../../core/memory-ledger.ts'
import type { Permission } from '../../core/ports.ts'
import { deadLettersPermissions } from './dead-letters.ts'
import { describePermissions } from './describe.ts'
import { inventoryPermissions } from './inventory.ts'
import { ledgerPermissions, writeHaltPermissions, writeTrafficPermissions } from './ledger.ts'
import { type LogInputs, logInputPermissions, NO_INPUTS } from './log-inputs.ts'
import { quarantinePermissions } from './quarantine.ts'
import { receiveOrderPermissions, sendOrderPermissions } from './queue.ts'
import { awsSteps, type StepSettings } from './registry.ts'
import { invokeRevokePermission } from './revocation.ts'
import { revokePermissions } from './revoker.ts'
import { stepClients } from './step-clients.ts'
import { transitPermissions } from './transit.ts'

export type FunctionName = 'watch' | 'respond' | 'verify' | 'operate' | 'revoke'

const NO_CLOCK = { now: () => 0 }
/** No step is applied for its permissions. */
const NO_MEMORY = { ledger: memoryLedger(NO_CLOCK), clock: NO_CLOCK }

/** As the configuration's defaults are. */
const UNCONFIGURED: StepSettings = {
  stopWhenNeeded: false,
  dropAssigned: false,
  lockDays: 30,
  dnsCovered: false,
  credentials: { roles: [], removeProfile: false },
}

/**
 * What each function may do: the union of what its adapters and steps declare. verify reads what the steps changed and
 * puts what came undone into the lane; only respond changes an instance, and only revoke a role: verify may ask it too,
 * since only it can read whether a deny stands. watch reads what is configured and nothing else.
 */
export function awsPermissions(
  inputs: LogInputs = NO_INPUTS,
  settings: StepSettings = UNCONFIGURED,
): Record<FunctionName, Permission[]> {
  // No client is made before a step is applied.
  const steps = awsSteps(stepClients({}, NO_MEMORY), settings)
  return {
    watch: union(writeTrafficPermissions, sendOrderPermissions, deadLettersPermissions, logInputPermissions(inputs)),
    respond: union(
      ledgerPermissions,
      sendOrderPermissions,
      receiveOrderPermissions,
      deadLettersPermissions,
      describePermissions,
      steps.flatMap(({ permissions }) => permissions),
    ),
    verify: union(
      ledgerPermissions,
      sendOrderPermissions,
      describePermissions,
      inventoryPermissions,
      quarantinePermissions,
      settings.transitSeconds ? transitPermissions : [],
      steps.flatMap(({ permissions, verifyPermissions }) => verifyPermissions ?? permissions.filter(isReading)),
    ),
    operate: union(writeHaltPermissions, sendOrderPermissions),
    revoke: union(revokePermissions(settings.credentials)),
  }
}

function isReading(permission: Permission): boolean {
  if (permission === invokeRevokePermission) return true
  const { actions } = permission
  return actions.every(action => /^\w+:(Describe|Get|List)/.test(action))
}

function union(...lists: readonly (readonly Permission[])[]): Permission[] {
  const all: Permission[] = []
  for (const permission of lists.flat()) if (!all.some(one => isDeepStrictEqual(one, permission))) all.push(permission)
  return all
}
