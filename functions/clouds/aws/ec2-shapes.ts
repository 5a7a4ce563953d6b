import * as z from 'zod'
import { canonicalAddress } from '../../core/address.ts'

/** What is read of EC2's answers, and only that. Strings are the intruder's to choose where they are tags. */

const id = z.string().min(1).max(128)

/** The text that a flow record names it by. */
const address = z.string().transform(text => canonicalAddress(text) ?? text)

const Tags = z
  .array(z.object({ Key: z.string(), Value: z.string().default('') }))
  .default([])
  .transform(tags => Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value])))

const Association = z.object({
  PublicIp: address.optional(),
  /** The account that owns an elastic address; `amazon` of one that EC2 assigned. */
  IpOwnerId: z.string().optional(),
  AllocationId: z.string().optional(),
  AssociationId: z.string().optional(),
})

const PrivateAddress = z.object({ PrivateIpAddress: address, Association: Association.optional() })

const held = {
  NetworkInterfaceId: id,
  SubnetId: id,
  VpcId: id,
  Groups: z.array(z.object({ GroupId: id })).default([]),
  PrivateIpAddresses: z.array(PrivateAddress).default([]),
  Ipv6Addresses: z.array(z.object({ Ipv6Address: address })).default([]),
}

const InstanceInterface = z.object({
  ...held,
  Attachment: z.object({ DeviceIndex: z.number().default(0), NetworkCardIndex: z.number().default(0) }).optional(),
})

export const MetadataOptions = z
  .object({
    HttpEndpoint: z.enum(['enabled', 'disabled']),
    HttpTokens: z.string(),
    HttpPutResponseHopLimit: z.number(),
  })
  .transform(({ HttpEndpoint, HttpTokens, HttpPutResponseHopLimit }) => ({
    endpoint: HttpEndpoint,
    tokens: HttpTokens,
    hopLimit: HttpPutResponseHopLimit,
  }))

export const Instance = z.object({
  InstanceId: id,
  LaunchTime: z.date(),
  InstanceLifecycle: z.string().optional(),
  /** A terminated instance has none any more. */
  VpcId: z.string().default(''),
  State: z.object({ Name: z.string() }),
  IamInstanceProfile: z.object({ Arn: z.string().optional() }).optional(),
  // Only put on record: words of a later API must not hold up the cut.
  MetadataOptions: MetadataOptions.optional().catch(undefined),
  Tags,
  NetworkInterfaces: z.array(InstanceInterface).default([]),
  BlockDeviceMappings: z
    .array(
      z.object({
        DeviceName: z.string().default(''),
        Ebs: z.object({ VolumeId: id, DeleteOnTermination: z.boolean().default(false) }).optional(),
      }),
    )
    .default([]),
})
export type Instance = z.infer<typeof Instance>

export const Reservation = z.object({ OwnerId: z.string().default(''), Instances: z.array(Instance).default([]) })

export const NetworkInterface = z.object({
  ...held,
  OwnerId: z.string().default(''),
  Attachment: z
    .object({ InstanceId: z.string().optional(), DeviceIndex: z.number().default(0), Status: z.string().optional() })
    .optional(),
})
export type NetworkInterface = z.infer<typeof NetworkInterface>

export const NetworkAcl = z.object({
  NetworkAclId: id,
  OwnerId: z.string().default(''),
  VpcId: z.string().default(''),
  Associations: z
    .array(z.object({ SubnetId: z.string(), NetworkAclAssociationId: z.string().default('') }))
    .default([]),
  Tags,
  Entries: z
    .array(
      z.object({
        RuleNumber: z.number(),
        Egress: z.boolean().default(false),
        RuleAction: z.enum(['allow', 'deny']),
        CidrBlock: z.string().optional(),
        Ipv6CidrBlock: z.string().optional(),
        Protocol: z.string().default('-1'),
        PortRange: z.object({ From: z.number(), To: z.number() }).optional(),
      }),
    )
    .default([]),
})
export type NetworkAcl = z.infer<typeof NetworkAcl>
