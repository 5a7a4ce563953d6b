import type { ElasticLoadBalancingClient } from '@aws-sdk/client-elastic-load-balancing'
import type { ElasticLoadBalancingV2Client } from '@aws-sdk/client-elastic-load-balancing-v2'
import * as z from 'zod'
import { type ClientOptions, connection, type Environment } from './clients.ts'
import { codeOf } from './faults.ts'

const Target = z.object({
  Id: z.string(),
  Port: z.number().optional(),
  AvailabilityZone: z.string().optional(),
  QuicServerId: z.string().optional(),
})

const TargetGroup = z.object({ TargetGroupArn: z.string(), TargetType: z.string().optional() })

const TargetHealth = z.object({
  Target,
  TargetHealth: z.object({ State: z.string().optional(), Reason: z.string().optional() }),
})
type TargetHealth = z.infer<typeof TargetHealth>

const Balancer = z.object({
  LoadBalancerName: z.string(),
  Instances: z.array(z.object({ InstanceId: z.string().optional() })).default([]),
})

/** A target as its target group has it, or an instance as its classic load balancer has it. */
export const Registration = z.union([
  z.strictObject({ group: z.string(), target: Target }),
  z.strictObject({ balancer: z.string(), instance: z.string() }),
])
export type Registration = z.infer<typeof Registration>

export interface LoadBalancing {
  /** Where the instance is registered by its id or one of its addresses. One that is being deregistered is not. */
  registrationsOf(instance: string, addresses: readonly string[], signal: AbortSignal): Promise<Registration[]>
  /** The instance's registrations with the same group or load balancer; `undefined` where that is gone. */
  registrationsBeside(registration: Registration, signal: AbortSignal): Promise<Registration[] | undefined>
  /** Of what is not registered or is gone nothing is said. */
  deregister(registration: Registration, signal: AbortSignal): Promise<void>
  /** Returns the reason where it never can be: the group, the load balancer or the instance is gone or does not run. */
  register(registration: Registration, signal: AbortSignal): Promise<string | undefined>
  destroy(): void
}

/** Target groups that are asked at once; accounts have hundreds. */
const AT_ONCE = 8

const GONE = ['TargetGroupNotFoundException', 'AccessPointNotFoundException']
const NOT_TO_TAKE = [...GONE, 'InvalidTargetException', 'InvalidEndPointException']

/** The clients are loaded at the first call, which stands behind the cut. */
export function loadBalancing(environment: Environment, options: ClientOptions = {}): LoadBalancing {
  let groups: ElasticLoadBalancingV2Client | undefined
  let classic: ElasticLoadBalancingClient | undefined

  async function open() {
    const sdk = await import('./sdk/load-balancing.ts')
    // Only collecting: a slow answer costs nothing, and the account's other callers share its rate.
    const patient: ClientOptions = { ...options, retryMode: 'adaptive' }
    groups ??= new sdk.ElasticLoadBalancingV2Client(connection(environment, 'ELASTIC_LOAD_BALANCING_V2', patient))
    classic ??= new sdk.ElasticLoadBalancingClient(connection(environment, 'ELASTIC_LOAD_BALANCING', patient))
    return { sdk, groups, classic }
  }

  async function listGroups(abortSignal: AbortSignal): Promise<string[]> {
    const { sdk, groups } = await open()
    const found: z.infer<typeof TargetGroup>[] = []
    let marker: string | undefined
    do {
      const page = await groups.send(new sdk.DescribeTargetGroupsCommand(marker ? { Marker: marker } : {}), {
        abortSignal,
      })
      found.push(...z.array(TargetGroup).parse(page.TargetGroups ?? []))
      marker = page.NextMarker
    } while (marker)
    return found
      .filter(({ TargetType }) => TargetType !== 'lambda' && TargetType !== 'alb')
      .map(({ TargetGroupArn }) => TargetGroupArn)
  }

  /** `undefined`: there is no such group. */
  async function healthOf(group: string, abortSignal: AbortSignal): Promise<TargetHealth[] | undefined> {
    const { sdk, groups } = await open()
    try {
      const { TargetHealthDescriptions } = await groups.send(
        new sdk.DescribeTargetHealthCommand({ TargetGroupArn: group }),
        { abortSignal },
      )
      return z.array(TargetHealth).parse(TargetHealthDescriptions ?? [])
    } catch (thrown) {
      if (!GONE.includes(codeOf(thrown))) throw thrown
      return undefined
    }
  }

  async function inGroups(names: ReadonlySet<string>, signal: AbortSignal): Promise<Registration[]> {
    const found: Registration[] = []
    const next = (await listGroups(signal)).values()
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const group of next)
          for (const one of (await healthOf(group, signal)) ?? [])
            if (names.has(one.Target.Id) && isIn(one)) found.push({ group, target: one.Target })
      }),
    )
    return found
  }

  async function inClassic(instance: string, abortSignal: AbortSignal, names?: readonly string[]) {
    const { sdk, classic } = await open()
    const found: Registration[] = []
    let marker: string | undefined
    do {
      const page = await classic.send(
        new sdk.DescribeLoadBalancersCommand({
          ...(names ? { LoadBalancerNames: [...names] } : {}),
          ...(marker ? { Marker: marker } : {}),
        }),
        { abortSignal },
      )
      for (const { LoadBalancerName, Instances } of z.array(Balancer).parse(page.LoadBalancerDescriptions ?? []))
        if (Instances.some(({ InstanceId }) => InstanceId === instance))
          found.push({ balancer: LoadBalancerName, instance })
      marker = page.NextMarker
    } while (marker)
    return found
  }

  return {
    async registrationsOf(instance, addresses, signal) {
      const [targets, balancers] = await Promise.all([
        inGroups(new Set([instance, ...addresses]), signal),
        inClassic(instance, signal),
      ])
      return [...targets, ...balancers]
    },
    async registrationsBeside(one, signal) {
      if ('group' in one) {
        const held = await healthOf(one.group, signal)
        return held?.flatMap(health =>
          health.Target.Id === one.target.Id && isIn(health) ? { group: one.group, target: health.Target } : [],
        )
      }
      try {
        return await inClassic(one.instance, signal, [one.balancer])
      } catch (thrown) {
        if (!GONE.includes(codeOf(thrown))) throw thrown
        return undefined
      }
    },
    async deregister(one, abortSignal) {
      const { sdk, groups, classic } = await open()
      try {
        if ('group' in one)
          await groups.send(new sdk.DeregisterTargetsCommand({ TargetGroupArn: one.group, Targets: [one.target] }), {
            abortSignal,
          })
        else
          await classic.send(
            new sdk.DeregisterInstancesFromLoadBalancerCommand({
              LoadBalancerName: one.balancer,
              Instances: [{ InstanceId: one.instance }],
            }),
            { abortSignal },
          )
      } catch (thrown) {
        if (!NOT_TO_TAKE.includes(codeOf(thrown))) throw thrown
      }
    },
    async register(one, abortSignal) {
      const { sdk, groups, classic } = await open()
      try {
        if ('group' in one)
          await groups.send(new sdk.RegisterTargetsCommand({ TargetGroupArn: one.group, Targets: [one.target] }), {
            abortSignal,
          })
        else
          await classic.send(
            new sdk.RegisterInstancesWithLoadBalancerCommand({
              LoadBalancerName: one.balancer,
              Instances: [{ InstanceId: one.instance }],
            }),
            { abortSignal },
          )
        return undefined
      } catch (thrown) {
        if (!NOT_TO_TAKE.includes(codeOf(thrown))) throw thrown
        return codeOf(thrown)
      }
    },
    destroy() {
      groups?.destroy()
      classic?.destroy()
    },
  }
}

/** A target that was never in the group is told as unused, too. */
function isIn({ TargetHealth: { State = '', Reason } }: TargetHealth): boolean {
  return !State.includes('draining') && Reason !== 'Target.NotRegistered'
}
