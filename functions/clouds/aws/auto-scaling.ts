import type { AutoScalingClient } from '@aws-sdk/client-auto-scaling'
import * as z from 'zod'
import { type ClientOptions, connection, type Environment } from './clients.ts'
import { codeOf } from './faults.ts'

const Member = z.object({ AutoScalingGroupName: z.string(), LifecycleState: z.string() })

const Refresh = z.object({
  Status: z.string().optional(),
  Preferences: z.object({ StandbyInstances: z.string().optional() }).optional(),
})

/** An instance as its autoscaling group holds it. */
export interface GroupMember {
  readonly group: string
  /** LifecycleState: `InService`, `Standby`, `Pending:Wait`, `Terminating` … */
  readonly lifecycle: string
}

/** Autoscaling groups, seen from one instance. None of the calls changes how many instances serve. */
export interface AutoScaling {
  /** `undefined`: the instance is in no group. */
  memberOf(instance: string, signal: AbortSignal): Promise<GroupMember | undefined>
  /** Whether an instance refresh under way terminates what is in standby (RefreshPreferences, StandbyInstances). */
  terminatesStandby(group: string, signal: AbortSignal): Promise<boolean>
  /** Whether there is such a group. */
  stands(group: string, signal: AbortSignal): Promise<boolean>
  enterStandby(group: string, instance: string, signal: AbortSignal): Promise<void>
  exitStandby(group: string, instance: string, signal: AbortSignal): Promise<void>
  detach(group: string, instance: string, signal: AbortSignal): Promise<void>
  attach(group: string, instance: string, signal: AbortSignal): Promise<void>
  destroy(): void
}

/** Of InstanceRefreshStatus; only one refresh of a group is under way at a time. */
const UNDER_WAY = ['Pending', 'InProgress', 'Baking', 'RollbackInProgress']

/** The client is loaded at the first call: few instances are in a group, and loading it stands in no cut's way. */
export function autoScaling(environment: Environment, options: ClientOptions = {}): AutoScaling {
  let client: AutoScalingClient | undefined

  async function open() {
    const sdk = await import('./sdk/auto-scaling.ts')
    client ??= new sdk.AutoScalingClient(connection(environment, 'AUTO_SCALING', options))
    return { sdk, client }
  }

  /** `undefined`: there is no such group. */
  async function refreshesOf(group: string, abortSignal: AbortSignal): Promise<z.infer<typeof Refresh>[] | undefined> {
    const { sdk, client } = await open()
    try {
      const { InstanceRefreshes } = await client.send(
        new sdk.DescribeInstanceRefreshesCommand({ AutoScalingGroupName: group, MaxRecords: 1 }),
        { abortSignal },
      )
      return z.array(Refresh).parse(InstanceRefreshes ?? [])
    } catch (thrown) {
      if (codeOf(thrown) !== 'ValidationError') throw thrown
      return undefined
    }
  }

  return {
    async memberOf(instance, abortSignal) {
      const { sdk, client } = await open()
      const { AutoScalingInstances } = await client.send(
        new sdk.DescribeAutoScalingInstancesCommand({ InstanceIds: [instance] }),
        { abortSignal },
      )
      const [member] = z.array(Member).parse(AutoScalingInstances ?? [])
      return member && { group: member.AutoScalingGroupName, lifecycle: member.LifecycleState }
    },
    async terminatesStandby(group, signal) {
      const refreshes = (await refreshesOf(group, signal)) ?? []
      return refreshes.some(
        ({ Status = '', Preferences }) => UNDER_WAY.includes(Status) && Preferences?.StandbyInstances === 'Terminate',
      )
    },
    stands: async (group, signal) => (await refreshesOf(group, signal)) !== undefined,
    async enterStandby(group, instance, abortSignal) {
      const { sdk, client } = await open()
      await client.send(
        new sdk.EnterStandbyCommand({
          AutoScalingGroupName: group,
          InstanceIds: [instance],
          ShouldDecrementDesiredCapacity: false,
        }),
        { abortSignal },
      )
    },
    async exitStandby(group, instance, abortSignal) {
      const { sdk, client } = await open()
      await client.send(new sdk.ExitStandbyCommand({ AutoScalingGroupName: group, InstanceIds: [instance] }), {
        abortSignal,
      })
    },
    async detach(group, instance, abortSignal) {
      const { sdk, client } = await open()
      await client.send(
        new sdk.DetachInstancesCommand({
          AutoScalingGroupName: group,
          InstanceIds: [instance],
          ShouldDecrementDesiredCapacity: false,
        }),
        { abortSignal },
      )
    },
    async attach(group, instance, abortSignal) {
      const { sdk, client } = await open()
      await client.send(new sdk.AttachInstancesCommand({ AutoScalingGroupName: group, InstanceIds: [instance] }), {
        abortSignal,
      })
    },
    destroy: () => client?.destroy(),
  }
}
