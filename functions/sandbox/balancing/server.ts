import { randomUUID } from 'node:crypto'
import type { Cloud } from '../cloud.ts'
import { type Parameters, parseParameters } from '../ec2/parameters.ts'
import { Refusal } from '../ec2/refusal.ts'
import { queryErrorXml, queryXml, type Tree } from '../ec2/xml.ts'
import { deregisterInstances, describeLoadBalancers, registerInstances } from './classic.ts'
import { deregisterTargets, describeTargetGroups, describeTargetHealth, registerTargets } from './target-groups.ts'

type Action = (cloud: Cloud, parameters: Parameters, now: number) => Tree

/** Both APIs are signed for one service and told apart by their versions. */
const VERSIONS: ReadonlyMap<string, ReadonlyMap<string, Action>> = new Map([
  [
    '2015-12-01',
    new Map<string, Action>([
      ['DeregisterTargets', deregisterTargets],
      ['DescribeTargetGroups', describeTargetGroups],
      ['DescribeTargetHealth', describeTargetHealth],
      ['RegisterTargets', registerTargets],
    ]),
  ],
  [
    '2012-06-01',
    new Map<string, Action>([
      ['DeregisterInstancesFromLoadBalancer', deregisterInstances],
      ['DescribeLoadBalancers', describeLoadBalancers],
      ['RegisterInstancesWithLoadBalancer', registerInstances],
    ]),
  ],
])

export const balancingNamespace = (version: string) => `http://elasticloadbalancing.amazonaws.com/doc/${version}/`

/** Elastic Load Balancing over the state of a cloud: target groups in version 2015-12-01, classic ones in 2012-06-01. */
export function answerBalancing(
  cloud: Cloud,
  body: string,
  now: number,
): { status: number; requestId: string; body: string } {
  const requestId = randomUUID()
  const parameters = parseParameters(body)
  const version = parameters.text('Version') ?? ''
  const namespace = balancingNamespace(version)
  try {
    const action = parameters.text('Action') ?? ''
    const perform = VERSIONS.get(version)?.get(action)
    if (!perform) throw new Refusal('InvalidAction', `Could not find operation ${action} for version ${version}`)
    return { status: 200, requestId, body: queryXml(namespace, action, requestId, perform(cloud, parameters, now)) }
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown
    const { code, message, status } = thrown
    return { status, requestId, body: queryErrorXml(namespace, code, message, requestId) }
  }
}
