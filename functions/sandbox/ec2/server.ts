import { randomUUID } from 'node:crypto'
import type { Clock } from '../../core/ports.ts'
import type { Cloud } from '../cloud.ts'
import {
  createNetworkAcl,
  createNetworkAclEntry,
  deleteNetworkAcl,
  deleteNetworkAclEntry,
  describeNetworkAcls,
  replaceNetworkAclAssociation,
  replaceNetworkAclEntry,
} from './acls.ts'
import { associateAddress, describeAddresses, disassociateAddress } from './addresses.ts'
import { attachNetworkInterface, detachNetworkInterface } from './attachments.ts'
import { getConsoleOutput, getConsoleScreenshot } from './console.ts'
import {
  authorizeSecurityGroupEgress,
  authorizeSecurityGroupIngress,
  createSecurityGroup,
  describeSecurityGroupRules,
  describeSecurityGroups,
  revokeSecurityGroupEgress,
  revokeSecurityGroupIngress,
} from './groups.ts'
import { describeInstanceAttribute, modifyInstanceAttribute } from './instance-attributes.ts'
import {
  associateIamInstanceProfile,
  describeIamInstanceProfileAssociations,
  disassociateIamInstanceProfile,
} from './instance-profiles.ts'
import { describeInstances } from './instances.ts'
import { describeNetworkInterfaces, modifyNetworkInterfaceAttribute } from './interfaces.ts'
import { settle, startInstances, stopInstances, terminateInstances } from './lifecycle.ts'
import { modifyInstanceMetadataOptions } from './metadata-options.ts'
import { describeSubnets, describeVpcEndpoints, describeVpcPeeringConnections, describeVpcs } from './networks.ts'
import { type Parameters, parseParameters } from './parameters.ts'
import { Refusal } from './refusal.ts'
import { describeRouteTables } from './route-tables.ts'
import {
  describeLockedSnapshots,
  describeSnapshotAttribute,
  lockSnapshot,
  modifySnapshotAttribute,
} from './snapshot-guards.ts'
import { createSnapshots, describeSnapshots, describeVolumes } from './snapshots.ts'
import { createTags, deleteTags, describeTags } from './tags.ts'
import { answerXml, errorXml, type Tree } from './xml.ts'

/** One action of the API: reads or changes the cloud at a moment of virtual time, and says what the answer holds. */
type Action = (cloud: Cloud, parameters: Parameters, now: number) => Tree

const ACTIONS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ['AssociateAddress', associateAddress],
  ['AssociateIamInstanceProfile', associateIamInstanceProfile],
  ['AttachNetworkInterface', attachNetworkInterface],
  ['AuthorizeSecurityGroupEgress', authorizeSecurityGroupEgress],
  ['AuthorizeSecurityGroupIngress', authorizeSecurityGroupIngress],
  ['CreateNetworkAcl', createNetworkAcl],
  ['CreateNetworkAclEntry', createNetworkAclEntry],
  ['CreateSecurityGroup', createSecurityGroup],
  ['CreateSnapshots', createSnapshots],
  ['CreateTags', createTags],
  ['DeleteNetworkAcl', deleteNetworkAcl],
  ['DeleteNetworkAclEntry', deleteNetworkAclEntry],
  ['DeleteTags', deleteTags],
  ['DescribeAddresses', describeAddresses],
  ['DescribeIamInstanceProfileAssociations', describeIamInstanceProfileAssociations],
  ['DescribeInstanceAttribute', describeInstanceAttribute],
  ['DescribeInstances', describeInstances],
  ['DescribeLockedSnapshots', describeLockedSnapshots],
  ['DescribeNetworkAcls', describeNetworkAcls],
  ['DescribeNetworkInterfaces', describeNetworkInterfaces],
  ['DescribeRouteTables', describeRouteTables],
  ['DescribeSecurityGroupRules', describeSecurityGroupRules],
  ['DescribeSecurityGroups', describeSecurityGroups],
  ['DescribeSnapshotAttribute', describeSnapshotAttribute],
  ['DescribeSnapshots', describeSnapshots],
  ['DescribeSubnets', describeSubnets],
  ['DescribeTags', describeTags],
  ['DescribeVolumes', describeVolumes],
  ['DescribeVpcEndpoints', describeVpcEndpoints],
  ['DescribeVpcPeeringConnections', describeVpcPeeringConnections],
  ['DescribeVpcs', describeVpcs],
  ['DetachNetworkInterface', detachNetworkInterface],
  ['DisassociateAddress', disassociateAddress],
  ['DisassociateIamInstanceProfile', disassociateIamInstanceProfile],
  ['GetConsoleOutput', getConsoleOutput],
  ['GetConsoleScreenshot', getConsoleScreenshot],
  ['LockSnapshot', lockSnapshot],
  ['ModifyInstanceAttribute', modifyInstanceAttribute],
  ['ModifyInstanceMetadataOptions', modifyInstanceMetadataOptions],
  ['ModifyNetworkInterfaceAttribute', modifyNetworkInterfaceAttribute],
  ['ModifySnapshotAttribute', modifySnapshotAttribute],
  ['ReplaceNetworkAclAssociation', replaceNetworkAclAssociation],
  ['ReplaceNetworkAclEntry', replaceNetworkAclEntry],
  ['RevokeSecurityGroupEgress', revokeSecurityGroupEgress],
  ['RevokeSecurityGroupIngress', revokeSecurityGroupIngress],
  ['StartInstances', startInstances],
  ['StopInstances', stopInstances],
  ['TerminateInstances', terminateInstances],
])

const VERSION = '2016-11-15'

interface Ec2Answer {
  status: number
  /** Also for the header `x-amzn-requestid`, where the SDK reads it. */
  requestId: string
  body: string
  /** `ok`, or the error's code. */
  outcome: string
}

export interface Ec2Server {
  /** Carries a request of the Query protocol out at once. Never throws for what a caller may have got wrong. */
  answer(body: string): Ec2Answer
  /** The next `times` requests of the action fail with RequestLimitExceeded and change nothing. */
  throttle(action: string, times: number): void
  /** The next `times` requests of the action are refused as by IAM, until further notice with `Infinity`. */
  refuse(action: string, times: number): void
}

/** EC2 over the state of a cloud, as the Query protocol of version 2016-11-15 has it. */
export function createEc2Server(cloud: Cloud, clock: Clock): Ec2Server {
  const throttled = new Map<string, number>()
  const refused = new Map<string, number>()

  function carryOut(parameters: Parameters): { action: string; tree: Tree } {
    const action = parameters.text('Action') ?? ''
    const perform = ACTIONS.get(action)
    if (!perform) throw new Refusal('InvalidAction', `The action ${action} is not valid for this web service.`)
    if (parameters.text('Version') !== VERSION)
      throw new Refusal('NoSuchVersion', `The requested version of the service is not ${VERSION}`)
    if (takeOne(throttled, action)) throw new Refusal('RequestLimitExceeded', 'Request limit exceeded.', 503)
    if (takeOne(refused, action))
      throw new Refusal(
        'UnauthorizedOperation',
        `You are not authorized to perform this operation. User: arn:aws:sts::${cloud.account}:assumed-role/sandbox/session is not authorized to perform: ec2:${action} because no identity-based policy allows the ec2:${action} action`,
        403,
      )
    if (action.startsWith('Describe')) parameters.permitted()
    settle(cloud, clock.now())
    return { action, tree: perform(cloud, parameters, clock.now()) }
  }

  return {
    answer(body) {
      const requestId = randomUUID()
      try {
        const { action, tree } = carryOut(parseParameters(body))
        return { status: 200, requestId, body: answerXml(action, requestId, tree), outcome: 'ok' }
      } catch (thrown) {
        if (!(thrown instanceof Refusal)) throw thrown
        const { code, message, status } = thrown
        return { status, requestId, body: errorXml(code, message, requestId), outcome: code }
      }
    },
    throttle: (action, times) => throttled.set(action, times),
    refuse: (action, times) => refused.set(action, times),
  }
}

/** Whether the action still has one of its failures to come. */
function takeOne(left: Map<string, number>, action: string): boolean {
  const times = left.get(action) ?? 0
  if (times <= 0) return false
  left.set(action, times - 1)
  return true
}
