import { createHash } from 'node:crypto'
import type { Cloud } from '../cloud.ts'
import { isAllowed } from './policies.ts'

/** As the metadata service gives them to whoever runs on the instance. */
export interface InstanceCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** Credentials of the instance's role; `undefined` where it has no instance profile or its metadata service is closed. */
export function giveCredentials(cloud: Cloud, instance: string): InstanceCredentials | undefined {
  const { role, metadata } = cloud.instances.get(instance) ?? {}
  if (role === undefined || metadata?.endpoint !== 'enabled') return undefined
  const hash = createHash('sha256').update(`${instance} ${role}`).digest('hex').toUpperCase()
  const accessKeyId = `ASIA${hash.slice(0, 16)}`
  cloud.sessions ??= new Map()
  cloud.sessions.set(accessKeyId, { instance, role })
  return { accessKeyId, secretAccessKey: 'sandbox', sessionToken: `session of ${instance}` }
}

/** Whether IAM lets the bearer of an access key do it. A key that no instance was given is the account's own and may do all. */
export function isPermitted(cloud: Cloud, accessKey: string, action: string): boolean {
  const session = cloud.sessions?.get(accessKey)
  if (!session) return true
  const source = `arn:aws:ec2:${cloud.region}:${cloud.account}:instance/${session.instance}`
  return isAllowed(cloud.roles?.get(session.role)?.policies.values() ?? [], { action, source })
}
