import * as z from 'zod'

const id = z.string().min(1).max(128)

const InterfaceDescription = z.object({
  id,
  primary: z.boolean(),
  subnet: id,
  /** In the order in which the cloud gave them. */
  groups: z.array(id),
  /** Private IPv4 and IPv6. */
  addresses: z.array(z.string().max(64)),
  /** Public IPv4 of the interface and, for an elastic one, the association that can be undone. */
  publicAddresses: z.array(
    z.object({
      address: z.string().max(64),
      private: z.string().max(64),
      /** By the cloud, which gives another one the next time; absent where it is elastic or unknown. */
      assigned: z.boolean().optional(),
      allocation: id.optional(),
      association: id.optional(),
    }),
  ),
})

export const AclEntry = z.object({
  number: z.number().int(),
  egress: z.boolean(),
  allow: z.boolean(),
  /** IPv4 or IPv6 range. */
  cidr: z.string().max(64),
  /** `-1` for all. */
  protocol: z.string().max(8),
  ports: z.object({ from: z.number().int(), to: z.number().int() }).optional(),
})
export type AclEntry = z.infer<typeof AclEntry>

export const AclDescription = z.object({
  id,
  subnets: z.array(id),
  entries: z.array(AclEntry),
  /** False where this account may not change it (a shared VPC). */
  ours: z.boolean(),
})
export type AclDescription = z.infer<typeof AclDescription>

/** Attributes that protect changes; `undefined` where the cloud did not say. */
export const Protection = z.object({
  termination: z.boolean().optional(),
  stop: z.boolean().optional(),
  shutdown: z.enum(['stop', 'terminate']).optional(),
})
export type Protection = z.infer<typeof Protection>

/** Options of the service that gives an instance its credentials, as the cloud words them. */
export const MetadataService = z.object({
  endpoint: z.enum(['enabled', 'disabled']),
  tokens: z.string().max(16),
  hopLimit: z.number().int(),
})
export type MetadataService = z.infer<typeof MetadataService>

/** An instance as it stood before the first change. Stored once as the incident's restore point. */
export const Description = z.object({
  instance: id,
  account: z.string().max(64),
  region: z.string().max(64),
  vpc: id,
  state: z.string().max(32),
  /** Milliseconds since the epoch. */
  launchedAt: z.number(),
  /** The instance profile that its credentials come from; absent: it has none. */
  profile: z.string().max(2048).optional(),
  /** A Spot instance takes no protection; what cannot be protected is named on the ticket. */
  spot: z.boolean(),
  tags: z.record(z.string(), z.string()),
  interfaces: z.array(InterfaceDescription),
  volumes: z.array(z.object({ id, device: z.string().max(64), deleteOnTermination: z.boolean() })),
  acls: z.array(AclDescription),
  protection: Protection,
  /** Absent where the cloud did not say. */
  metadataService: MetadataService.optional(),
})
export type Description = z.infer<typeof Description>
