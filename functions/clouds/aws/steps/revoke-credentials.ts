import type { Incident } from '../../../core/incident.ts'
import type { Step } from '../../../core/ports.ts'
import { bare, type CredentialSettings, invokeRevokePermission, policyName, type Revoke } from '../revocation.ts'
import { awsCommand } from './command-line.ts'
import { factList, restorePointOf } from './restore-point.ts'

const id = 'revoke-credentials'

/** AWS documents no way to end these from outside, so a person must know of them. */
const NOT_COVERED = [
  'Sessions of other roles that the instance opened with its credentials before (sts:AssumeRole) last to their own end',
  'Credentials that are not of its instance profile still work: access keys on its disks, pod identities (EKS), task roles (ECS)',
]

/**
 * Denies everything to the credentials of this one instance: the role's other instances keep theirs. The write is done by
 * the function `revoke`, since whoever may write a role's policy is its administrator.
 */
export function revokeCredentials(ask: Revoke, { roles, removeProfile }: CredentialSettings): Step {
  function requestOf(incident: Incident) {
    const { profile } = restorePointOf(incident)
    return {
      incident: incident.id,
      instance: incident.instance,
      ...(profile === undefined ? {} : { profile }),
      roles: [...factList(incident, id, 'roles')],
      withProfile: removeProfile,
    }
  }

  const isAsked = ({ steps }: Incident) => steps[id]?.facts['asked'] === true

  return {
    id,
    stage: 'collect',
    permissions: roles.length > 0 ? [invokeRevokePermission] : [],

    async apply({ incident, signal }) {
      const { profile } = restorePointOf(incident)
      if (roles.length === 0)
        return {
          done: [],
          unable:
            profile === undefined
              ? []
              : [
                  `The credentials of ${profile} still work: no role is configured whose may be revoked (credentials.roles)`,
                ],
          facts: {},
        }
      const answer = await ask({ ...requestOf(incident), verb: 'revoke' }, signal)
      return {
        done: answer.done,
        unable: [...answer.unable, ...(answer.roles.length > 0 ? NOT_COVERED : [])],
        facts: { asked: true, roles: answer.roles },
      }
    },

    async verify({ incident, signal }) {
      if (roles.length === 0 || factList(incident, id, 'roles').length === 0) return { holds: true, notes: [] }
      const { missing } = await ask({ ...requestOf(incident), verb: 'check' }, signal)
      return { holds: missing.length === 0, notes: missing }
    },

    async drifted({ incident, signal }) {
      if (roles.length === 0 || !isAsked(incident)) return []
      return (await ask({ ...requestOf(incident), verb: 'look' }, signal)).drifts
    },

    async revert({ incident, signal }) {
      // Of a try whose answer got lost nobody knows whether it denied: taking back what is not there is harmless.
      const unknown = incident.steps[id] !== undefined && incident.steps[id].status !== 'done'
      if (roles.length === 0 || !(isAsked(incident) || unknown)) return { done: [], unable: [], facts: {} }
      const { done, unable } = await ask({ ...requestOf(incident), verb: 'restore' }, signal)
      return { done, unable, facts: {} }
    },

    undo(incident) {
      if (!isAsked(incident)) return []
      const { profile } = restorePointOf(incident)
      const policy = policyName({ incident: incident.id })
      return [
        ...factList(incident, id, 'roles').map(role =>
          awsCommand(incident, 'iam', 'delete-role-policy', '--role-name', bare(role), '--policy-name', policy),
        ),
        ...(removeProfile && profile !== undefined
          ? [
              awsCommand(
                incident,
                ...['ec2', 'associate-iam-instance-profile', '--instance-id', incident.instance],
                ...['--iam-instance-profile', `Arn=${profile}`],
              ),
            ]
          : []),
      ]
    },
  }
}
