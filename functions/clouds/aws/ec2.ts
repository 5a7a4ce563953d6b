import { EC2Client } from '@aws-sdk/client-ec2'
import { type ClientOptions, connection, type Environment } from './clients.ts'

/** EC2 clients by how they try again. Every call hands its signal over. */
export interface Ec2 {
  /** For the cut. */
  standard(): EC2Client
  /** One try: for calls that must not be repeated before their outcome is looked up. */
  single(): EC2Client
  /** For collecting, where a slow answer costs nothing. */
  adaptive(): EC2Client
  destroy(): void
}

export function ec2Clients(environment: Environment, options: ClientOptions = {}): Ec2 {
  let standard: EC2Client | undefined
  let single: EC2Client | undefined
  let adaptive: EC2Client | undefined
  return {
    standard() {
      standard ??= new EC2Client(connection(environment, 'EC2', options))
      return standard
    },
    single() {
      // Creating snapshots of many volumes is the slowest call there is; a try that ends early has an unknown outcome.
      single ??= new EC2Client(connection(environment, 'EC2', { requestTimeout: 30_000, ...options, maxAttempts: 1 }))
      return single
    },
    adaptive() {
      adaptive ??= new EC2Client(connection(environment, 'EC2', { ...options, retryMode: 'adaptive' }))
      return adaptive
    },
    destroy() {
      for (const client of [standard, single, adaptive]) client?.destroy()
    },
  }
}
