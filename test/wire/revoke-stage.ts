import { DescribeInstancesCommand, EC2Client } from '@aws-sdk/client-ec2'
import { revokeInvoker } from '../../functions/clouds/aws/invoke.ts'
import type { CredentialSettings } from '../../functions/clouds/aws/revocation.ts'
import { revokeCredentials } from '../../functions/clouds/aws/steps/revoke-credentials.ts'
import { createRevoke } from '../../functions/entry/aws/revoke.ts'
import { createClock } from '../../functions/sandbox/clock.ts'
import type { Cloud } from '../../functions/sandbox/cloud.ts'
import { addInstance, emptyCloud } from '../../functions/sandbox/fixture.ts'
import { startSandbox } from '../../functions/sandbox/front.ts'
import { giveCredentials, type InstanceCredentials } from '../../functions/sandbox/iam/sessions.ts'
import { invocationOf } from '../../functions/sandbox/lambda.ts'

const WORK = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Action: 'ec2:Describe*', Resource: '*' }],
})

/** Two instances of one role, the function `revoke` deployed into the sandbox, and respond's client of it. */
export async function setRevokeStage(credentials: Partial<CredentialSettings> = {}, edit?: (cloud: Cloud) => void) {
  const settings = { roles: ['agents/worker'], removeProfile: false, ...credentials }
  const cloud = emptyCloud()
  cloud.roles = new Map(
    ['worker', 'other'].map(name => [name, { name, path: '/agents/', policies: new Map([['work', WORK]]) }]),
  )
  for (const [index, name] of ['agent', 'neighbour'].entries()) {
    addInstance(cloud, { name, host: 10 + index })
    Object.assign(cloud.instances.get(`i-${name}`) ?? {}, { role: 'worker' })
  }
  edit?.(cloud)
  const sandbox = await startSandbox({ clock: createClock(0), cloud, latencies: { ec2: 0, iam: 0, lambda: 0 } })
  const environment = {
    ...sandbox.environment,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    FIREBREAK_CONFIG: JSON.stringify({
      account: cloud.account,
      table: 'firebreak-ledger',
      queue: 'https://sqs.example.com/orders',
      deadLetters: 'https://sqs.example.com/dead-letters',
      credentials: settings,
    }),
  }
  const handler = createRevoke(environment)
  sandbox.serve('firebreak-revoke', event => handler(event, invocationOf('firebreak-revoke', 30_000)))
  const ask = revokeInvoker(environment)
  const clients: EC2Client[] = []

  return {
    cloud,
    sandbox,
    ask,
    step: revokeCredentials(ask, settings),
    policies: (role = 'worker') => [...(cloud.roles?.get(role)?.policies.keys() ?? [])],
    give: (name: string) => giveCredentials(cloud, `i-${name}`),
    /** What somebody sees who calls AWS with an instance's credentials, from wherever. */
    async works(credentials: InstanceCredentials | undefined): Promise<boolean> {
      if (!credentials) return false
      const client = new EC2Client({ region: cloud.region, endpoint: sandbox.endpoint, credentials, maxAttempts: 1 })
      clients.push(client)
      try {
        await client.send(new DescribeInstancesCommand({}))
        return true
      } catch (thrown) {
        if (thrown instanceof Error && thrown.name === 'UnauthorizedOperation') return false
        throw thrown
      }
    },
    actions: () => sandbox.calls.map(({ service, action }) => `${service}:${action}`),
    async [Symbol.asyncDispose]() {
      for (const client of clients) client.destroy()
      await sandbox.close()
    },
  }
}

export type RevokeStage = Awaited<ReturnType<typeof setRevokeStage>>
