import type { Permission } from '../../core/ports.ts'
import type { Cloud } from '../cloud.ts'
import { grantingResource } from './grants.ts'
import type { Right } from './right.ts'
import { type Asked, rightsOf } from './rights.ts'
import { isPermitted } from './sessions.ts'

/** Whoever calls with an access key of his own and may do what his permissions say, no more. */
export interface Principal {
  readonly accessKey: string
  readonly name: string
  readonly permissions: readonly Permission[]
}

/** A permission as far as it was made use of. */
export interface Use {
  readonly by: string
  readonly permission: Permission
  readonly actions: ReadonlySet<string>
  readonly resources: ReadonlySet<string>
}

export interface Judged {
  /** Absent for the account's own keys and those of instances. */
  readonly by?: string
  /** Why it may not be done. */
  readonly refused?: string
}

/** Who calls, by access key, and what he may. A key that nobody was given is the account's own and may do all. */
export function createPrincipals(cloud: Cloud) {
  const principals = new Map<string, Principal>()
  const uses: { by: string; permission: Permission; actions: Set<string>; resources: Set<string> }[] = []

  /** Notes what grants it. */
  function isGranted({ name }: Principal, right: Right): boolean {
    let granted = false
    for (const { by, permission, actions, resources } of uses) {
      const resource = by === name ? grantingResource(permission, right) : undefined
      if (resource === undefined) continue
      granted = true
      actions.add(right.action)
      resources.add(resource)
    }
    return granted
  }

  return {
    nameOf: (accessKey: string): string | undefined => principals.get(accessKey)?.name,
    admit(principal: Principal): void {
      principals.set(principal.accessKey, principal)
      for (const permission of principal.permissions)
        uses.push({ by: principal.name, permission, actions: new Set(), resources: new Set() })
    },
    judge(accessKey: string, asked: Asked): Judged {
      const { service, action } = asked
      const principal = principals.get(accessKey)
      if (!principal)
        // No policy keeps anybody from asking who he is (STS API Reference, GetCallerIdentity).
        return service === 'sts' || isPermitted(cloud, accessKey, `${service}:${action}`)
          ? {}
          : { refused: 'You are not authorized to perform this operation.' }
      const by = principal.name
      const rights = rightsOf(cloud, asked)
      if (!rights) return { by, refused: `No row of functions/sandbox/iam/ says what ${service}:${action} asks of IAM` }
      const missing = rights.find(right => !isGranted(principal, right))
      if (!missing) return { by }
      // As IAM words it, with what the condition keys said.
      const keys = Object.keys(missing.keys).length > 0 ? ` with ${JSON.stringify(missing.keys)}` : ''
      return {
        by,
        refused: `User: ${by} is not authorized to perform: ${missing.action} on resource: ${missing.resource}${keys}`,
      }
    },
    /** Every permission of every principal, in the order in which they were admitted. */
    uses: (): readonly Use[] => uses,
  }
}
