import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { AttachInstancesCommand, AutoScalingClient, ExitStandbyCommand } from '@aws-sdk/client-auto-scaling'
import {
  AssociateAddressCommand,
  AssociateIamInstanceProfileCommand,
  DeleteNetworkAclCommand,
  DeleteNetworkAclEntryCommand,
  EC2Client,
  ModifyInstanceAttributeCommand,
  ModifyInstanceMetadataOptionsCommand,
  ModifyNetworkInterfaceAttributeCommand,
  ReplaceNetworkAclAssociationCommand,
  StartInstancesCommand,
} from '@aws-sdk/client-ec2'
import {
  ElasticLoadBalancingClient,
  RegisterInstancesWithLoadBalancerCommand,
} from '@aws-sdk/client-elastic-load-balancing'
import { ElasticLoadBalancingV2Client, RegisterTargetsCommand } from '@aws-sdk/client-elastic-load-balancing-v2'
import { DeleteRolePolicyCommand, IAMClient } from '@aws-sdk/client-iam'
import {
  DeleteFirewallDomainListCommand,
  DeleteFirewallRuleCommand,
  Route53ResolverClient,
} from '@aws-sdk/client-route53resolver'
import * as z from 'zod'

/** What somebody types who has the AWS CLI alone, carried out with the SDK: options as the AWS CLI Command Reference has them. */

/** The words of each command of a script, as a shell reads them: quotes, comments and substitutions are its business. */
function commandsOf(script: string): string[][] {
  const aws = `aws() { "$NODE" -e 'console.log(JSON.stringify(process.argv.slice(1)))' -- "$@"; }`
  const out = execFileSync('sh', ['-euc', `${aws}\n${script}`], { env: { NODE: process.execPath }, encoding: 'utf8' })
  return out
    .trim()
    .split('\n')
    .filter(line => line !== '')
    .map(line => z.array(z.string()).parse(JSON.parse(line)))
}

interface Options {
  text(name: string): string
  list(name: string): string[]
  /** `--name` or `--no-name`. */
  flag(name: string): boolean
  /** JSON or the shorthand `Key=value`. */
  structure(name: string): unknown
  has(name: string): boolean
}

function optionsOf(words: readonly string[]): Options & { rest(): string[] } {
  const given = new Map<string, string[]>()
  let current: string[] = []
  for (const word of words)
    if (word.startsWith('--')) {
      current = []
      given.set(word.slice(2), current)
    } else current.push(word)
  const take = (name: string) => {
    const values = given.get(name)
    given.delete(name)
    return values
  }
  const list = (name: string) => take(name) ?? assert.fail(`--${name} is missing in ${words.join(' ')}`)
  const text = (name: string) => {
    const [value, ...more] = list(name)
    assert.deepEqual(more, [], `--${name} takes one value`)
    return value ?? assert.fail(`--${name} has no value`)
  }
  return {
    text,
    list,
    has: name => given.has(name),
    flag: name => take(name) !== undefined || (take(`no-${name}`) === undefined ? assert.fail(name) : false),
    structure(name) {
      const value = text(name)
      if (/^[[{]/.test(value)) return JSON.parse(value)
      return Object.fromEntries(value.split(',').map(pair => pair.split('=')))
    },
    rest: () => [...given.keys()],
  }
}

const Devices = z.array(
  z.object({ DeviceName: z.string(), Ebs: z.object({ VolumeId: z.string(), DeleteOnTermination: z.boolean() }) }),
)
const Targets = z.array(
  z.object({ Id: z.string(), Port: z.number().optional(), AvailabilityZone: z.string().optional() }),
)
const Value = z.object({ Value: z.string() })
const Profile = z.object({ Arn: z.string() })

interface Connection {
  readonly region: string
  readonly endpoint: string
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

function commands(connection: Connection) {
  const ec2 = new EC2Client(connection)
  const scaling = new AutoScalingClient(connection)
  const classic = new ElasticLoadBalancingClient(connection)
  const groups = new ElasticLoadBalancingV2Client(connection)
  const iam = new IAMClient(connection)
  const resolver = new Route53ResolverClient(connection)
  const all: Record<string, (o: Options) => Promise<unknown>> = {
    'ec2 modify-network-interface-attribute': o =>
      ec2.send(
        new ModifyNetworkInterfaceAttributeCommand({
          NetworkInterfaceId: o.text('network-interface-id'),
          ...(o.has('groups')
            ? { Groups: o.list('groups') }
            : { AssociatePublicIpAddress: o.flag('associate-public-ip-address') }),
        }),
      ),
    'ec2 delete-network-acl-entry': o =>
      ec2.send(
        new DeleteNetworkAclEntryCommand({
          NetworkAclId: o.text('network-acl-id'),
          RuleNumber: Number(o.text('rule-number')),
          Egress: o.has('egress') ? o.flag('egress') : !o.flag('ingress'),
        }),
      ),
    'ec2 delete-network-acl': o => ec2.send(new DeleteNetworkAclCommand({ NetworkAclId: o.text('network-acl-id') })),
    'ec2 replace-network-acl-association': o =>
      ec2.send(
        new ReplaceNetworkAclAssociationCommand({
          AssociationId: o.text('association-id'),
          NetworkAclId: o.text('network-acl-id'),
        }),
      ),
    'ec2 associate-address': o =>
      ec2.send(
        new AssociateAddressCommand({
          AllocationId: o.text('allocation-id'),
          NetworkInterfaceId: o.text('network-interface-id'),
          PrivateIpAddress: o.text('private-ip-address'),
        }),
      ),
    'ec2 modify-instance-attribute': o =>
      ec2.send(
        new ModifyInstanceAttributeCommand({
          InstanceId: o.text('instance-id'),
          ...(o.has('no-disable-api-termination')
            ? { DisableApiTermination: { Value: o.flag('disable-api-termination') } }
            : {}),
          ...(o.has('disable-api-stop')
            ? { DisableApiStop: { Value: Value.parse(o.structure('disable-api-stop')).Value === 'true' } }
            : {}),
          ...(o.has('instance-initiated-shutdown-behavior')
            ? { InstanceInitiatedShutdownBehavior: Value.parse(o.structure('instance-initiated-shutdown-behavior')) }
            : {}),
          ...(o.has('block-device-mappings')
            ? { BlockDeviceMappings: Devices.parse(o.structure('block-device-mappings')) }
            : {}),
        }),
      ),
    'ec2 modify-instance-metadata-options': o =>
      ec2.send(
        new ModifyInstanceMetadataOptionsCommand({
          InstanceId: o.text('instance-id'),
          HttpEndpoint: z.enum(['enabled', 'disabled']).parse(o.text('http-endpoint')),
        }),
      ),
    'ec2 start-instances': o => ec2.send(new StartInstancesCommand({ InstanceIds: o.list('instance-ids') })),
    'ec2 associate-iam-instance-profile': o =>
      ec2.send(
        new AssociateIamInstanceProfileCommand({
          InstanceId: o.text('instance-id'),
          IamInstanceProfile: Profile.parse(o.structure('iam-instance-profile')),
        }),
      ),
    'autoscaling exit-standby': o => scaling.send(new ExitStandbyCommand(membersOf(o))),
    'autoscaling attach-instances': o => scaling.send(new AttachInstancesCommand(membersOf(o))),
    'elb register-instances-with-load-balancer': o =>
      classic.send(
        new RegisterInstancesWithLoadBalancerCommand({
          LoadBalancerName: o.text('load-balancer-name'),
          Instances: o.list('instances').map(InstanceId => ({ InstanceId })),
        }),
      ),
    'elbv2 register-targets': o =>
      groups.send(
        new RegisterTargetsCommand({
          TargetGroupArn: o.text('target-group-arn'),
          Targets: Targets.parse(o.structure('targets')).map(({ Id, Port, AvailabilityZone }) => ({
            Id,
            ...(Port === undefined ? {} : { Port }),
            ...(AvailabilityZone === undefined ? {} : { AvailabilityZone }),
          })),
        }),
      ),
    'iam delete-role-policy': o =>
      iam.send(new DeleteRolePolicyCommand({ RoleName: o.text('role-name'), PolicyName: o.text('policy-name') })),
    'route53resolver delete-firewall-rule': o =>
      resolver.send(
        new DeleteFirewallRuleCommand({
          FirewallRuleGroupId: o.text('firewall-rule-group-id'),
          FirewallDomainListId: o.text('firewall-domain-list-id'),
        }),
      ),
    'route53resolver delete-firewall-domain-list': o =>
      resolver.send(new DeleteFirewallDomainListCommand({ FirewallDomainListId: o.text('firewall-domain-list-id') })),
  }
  return { all, clients: [ec2, scaling, classic, groups, iam, resolver] }
}

function membersOf(o: Options) {
  return { InstanceIds: o.list('instance-ids'), AutoScalingGroupName: o.text('auto-scaling-group-name') }
}

/** Runs a script against a cloud. A command or an option that is not known here is no command of the CLI's that we write. */
export async function runScript(script: string, connection: Connection): Promise<void> {
  const { all, clients } = commands(connection)
  try {
    for (const [service = '', verb = '', ...words] of commandsOf(script)) {
      const options = optionsOf(words)
      assert.equal(options.text('region'), connection.region)
      const run = all[`${service} ${verb}`] ?? assert.fail(`aws ${service} ${verb}`)
      await run(options)
      assert.deepEqual(options.rest(), [], `aws ${service} ${verb}`)
    }
  } finally {
    for (const client of clients) client.destroy()
  }
}
