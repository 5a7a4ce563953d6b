import {
  DeleteRolePolicyCommand,
  GetInstanceProfileCommand,
  GetRolePolicyCommand,
  IAMClient,
  PutRolePolicyCommand,
} from '@aws-sdk/client-iam'
import * as z from 'zod'
import type { Permission } from '../../core/ports.ts'
import { type ClientOptions, connection, type Environment } from './clients.ts'
import type { Ec2 } from './ec2.ts'
import { codeOf } from './faults.ts'
import { type InstanceProfiles, instanceProfiles } from './instance-profiles.ts'
import { bare, type CredentialSettings, policyName, type RevokeAnswer, type RevokeRequest } from './revocation.ts'

export function iamClient(environment: Environment, options: ClientOptions = {}): IAMClient {
  return new IAMClient(connection(environment, 'IAM', options))
}

const Profile = z.object({ Roles: z.array(z.object({ RoleName: z.string(), Path: z.string().default('/') })) })

const NOTHING: RevokeAnswer = { done: [], unable: [], missing: [], drifts: [], roles: [] }

interface Account {
  readonly account: string
  readonly region: string
}

/**
 * Denies everything to the credentials of one instance, by an inline policy of the incident's own on its role, and takes it
 * back. The caller names an instance and no policy: what is written is made here.
 */
export function revoker(iam: IAMClient, ec2: Ec2, where: Account, settings: CredentialSettings) {
  const profiles = instanceProfiles(ec2)

  /** Names with their path; the profile that was there at the restore point and the one that is there now. */
  async function rolesOf(arns: readonly string[], signal: AbortSignal): Promise<string[]> {
    const found = await Promise.all(
      [...new Set(arns)].map(async arn => {
        try {
          const name = arn.slice(arn.lastIndexOf('/') + 1)
          const answer = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName: name }), {
            abortSignal: signal,
          })
          return Profile.parse(answer.InstanceProfile).Roles.map(({ Path, RoleName }) => `${Path.slice(1)}${RoleName}`)
        } catch (thrown) {
          if (codeOf(thrown) !== 'NoSuchEntityException') throw thrown
          return []
        }
      }),
    )
    return [...new Set(found.flat())]
  }

  async function look({ instance, profile, roles }: RevokeRequest, signal: AbortSignal) {
    const live = await profiles.read(instance, signal)
    const arns = [profile, live?.arn].flatMap(arn => arn ?? [])
    const known = new Set([...roles, ...(await rolesOf(arns, signal))])
    const allowed = [...known].filter(role => settings.roles.includes(role))
    return { live, arns, allowed, others: [...known].filter(role => !settings.roles.includes(role)) }
  }

  async function deny(role: string, request: RevokeRequest, signal: AbortSignal): Promise<string | undefined> {
    try {
      await iam.send(
        new PutRolePolicyCommand({
          RoleName: bare(role),
          PolicyName: policyName(request),
          PolicyDocument: denial(where, request.instance),
        }),
        { abortSignal: signal },
      )
      return undefined
    } catch (thrown) {
      const code = codeOf(thrown)
      // 10,240 characters of inline policies a role (IAM User Guide, "IAM and AWS STS quotas"), which IAM itself counts.
      if (code === 'LimitExceededException')
        return `Role ${role} has no room for another inline policy (10,240 characters): the instance's credentials still work`
      if (code === 'NoSuchEntityException' || code === 'UnmodifiableEntityException')
        return `Role ${role} takes no policy (${code})`
      throw thrown
    }
  }

  async function revoke(request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer> {
    const { live, arns, allowed, others } = await look(request, signal)
    const outcomes = await Promise.all(
      allowed.map(async role => ({ role, refused: await deny(role, request, signal) })),
    )
    const denied = outcomes.filter(({ refused }) => refused === undefined).map(({ role }) => role)
    const done = denied.map(role => `Denied everything to the instance's credentials of role ${role}`)
    const unable = [
      ...(arns.length === 0 ? ['The instance has no instance profile, so it has no credentials of a role'] : []),
      ...others.map(role => `Role ${role} is not configured (credentials.roles), so its credentials still work`),
      ...outcomes.flatMap(({ refused }) => refused ?? []),
    ]
    // Only where the deny stands: without it the credentials that were given out work on, and none could be told from ours.
    if (request.withProfile && live && others.length === 0 && denied.length > 0) {
      await profiles.take(live, signal)
      done.push(`Took the instance profile ${live.arn} from the instance`)
    }
    return { ...NOTHING, done, unable, roles: denied }
  }

  async function check(request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer> {
    const { allowed, live } = await look(request, signal)
    const wanted = denial(where, request.instance)
    const missing = await Promise.all(
      allowed.map(async role => {
        const stands = await read(role, policyName(request), signal)
        return stands === wanted ? [] : [`Role ${role} does not deny the instance's credentials`]
      }),
    )
    const back = request.withProfile && live ? [`The instance has the instance profile ${live.arn}`] : []
    return { ...NOTHING, missing: [...missing.flat(), ...back], roles: request.roles }
  }

  async function lookForDrift(request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer> {
    const { instance, profile, withProfile } = request
    const { live } = await look(request, signal)
    const wanted = denial(where, instance)
    const own = request.roles.filter(role => settings.roles.includes(role))
    const policies = await Promise.all(
      own.map(async role => {
        const found = await read(role, policyName(request), signal)
        // One that is gone is taken back already.
        if (found === undefined || found === wanted) return []
        const resource = `policy ${policyName(request)} of role ${role}`
        return { resource, left: `denying everything to ${instance}`, found: 'another by now' }
      }),
    )
    const isReplaced = withProfile && profile !== undefined && live !== undefined && live.arn !== profile
    const other = isReplaced
      ? [{ resource: instance, left: 'without an instance profile', found: `with ${live.arn}` }]
      : []
    return { ...NOTHING, drifts: [...policies.flat(), ...other], roles: request.roles }
  }

  async function read(role: string, name: string, signal: AbortSignal): Promise<string | undefined> {
    try {
      const { PolicyDocument = '' } = await iam.send(
        new GetRolePolicyCommand({ RoleName: bare(role), PolicyName: name }),
        { abortSignal: signal },
      )
      // GetRolePolicy: "URL-encoded compliant with RFC 3986".
      return decodeURIComponent(PolicyDocument)
    } catch (thrown) {
      if (codeOf(thrown) !== 'NoSuchEntityException') throw thrown
      return undefined
    }
  }

  async function restore(request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer> {
    const { live, allowed, others } = await look(request, signal)
    const done: string[] = []
    const unable = others
      .filter(role => request.roles.includes(role))
      .map(
        role =>
          `Role ${role} is not configured any more (credentials.roles), so policy ${policyName(request)} stays on it`,
      )
    await Promise.all(
      allowed.map(async role => {
        try {
          await iam.send(new DeleteRolePolicyCommand({ RoleName: bare(role), PolicyName: policyName(request) }), {
            abortSignal: signal,
          })
          done.push(`Took the deny of the instance's credentials from role ${role}`)
        } catch (thrown) {
          if (codeOf(thrown) !== 'NoSuchEntityException') throw thrown
          if (request.roles.includes(role)) unable.push(`Role ${role} bears the deny no more, so it is left as it is`)
        }
      }),
    )
    if (request.withProfile && request.profile !== undefined) {
      const refused = await giveBack(profiles, request.instance, request.profile, live?.arn, signal)
      if (refused === undefined) done.push(`Gave the instance profile ${request.profile} back`)
      else if (refused !== '') unable.push(refused)
    }
    return { ...NOTHING, done, unable }
  }

  return (request: RevokeRequest, signal: AbortSignal): Promise<RevokeAnswer> => {
    if (request.verb === 'revoke') return revoke(request, signal)
    if (request.verb === 'check') return check(request, signal)
    return request.verb === 'look' ? lookForDrift(request, signal) : restore(request, signal)
  }
}

/** Why the profile cannot be given back; empty where it is there. */
async function giveBack(
  profiles: InstanceProfiles,
  instance: string,
  profile: string,
  live: string | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (live === profile) return ''
  if (live !== undefined) return `The instance has another instance profile by now (${live}), so it is left as it is`
  const code = await profiles.give(instance, profile, signal)
  return code === undefined ? undefined : `The instance profile ${profile} cannot be given back (${code})`
}

/**
 * `ec2:SourceInstanceARN` is in every request that is signed with the credentials of an instance profile, wherever it is
 * sent from, and names the instance that they were given to (IAM User Guide, "Global condition context keys").
 */
function denial({ account, region }: Account, instance: string): string {
  const partition = region.startsWith('cn-') ? 'aws-cn' : region.startsWith('us-gov-') ? 'aws-us-gov' : 'aws'
  const source = `arn:${partition}:ec2:${region}:${account}:instance/${instance}`
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'FirebreakRevocation',
        Effect: 'Deny',
        Action: '*',
        Resource: '*',
        Condition: { ArnEquals: { 'ec2:SourceInstanceARN': source } },
      },
    ],
  })
}

/** Without a role configured nothing is allowed. PassRole is what EC2 asks of whoever gives an instance profile back. */
export function revokePermissions({ roles, removeProfile }: CredentialSettings): Permission[] {
  if (roles.length === 0) return []
  const resources = roles.map(role => `arn:aws:iam::*:role/${role}`)
  return [
    { actions: ['ec2:DescribeIamInstanceProfileAssociations'], resources: ['*'] },
    { actions: ['iam:GetInstanceProfile'], resources: ['arn:aws:iam::*:instance-profile/*'] },
    { actions: ['iam:PutRolePolicy', 'iam:GetRolePolicy', 'iam:DeleteRolePolicy'], resources },
    ...(removeProfile
      ? [
          {
            actions: ['ec2:DisassociateIamInstanceProfile', 'ec2:AssociateIamInstanceProfile'],
            resources: ['arn:aws:ec2:*:*:instance/*'],
          },
          {
            actions: ['iam:PassRole'],
            resources,
            conditions: { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } },
          },
        ]
      : []),
  ]
}
