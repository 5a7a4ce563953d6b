/** The account's instances and networks as a cloud shows them at one time. Plain; upkeep.ts makes the timed inventory of it. */
export interface Fleet {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly account: string
  readonly region: string
  readonly instances: readonly FleetInstance[]
  /** All interfaces, those of load balancers and endpoints too: whoever stands behind an ACL may need a peer. */
  readonly interfaces: readonly FleetInterface[]
  readonly networks: readonly FleetNetwork[]
}

export interface FleetInstance {
  readonly instance: string
  readonly vpc: string
  /** Milliseconds since the epoch. */
  readonly launchedAt: number
  readonly tags: Readonly<Record<string, string>>
  readonly state: string
  readonly interfaces: readonly {
    readonly id: string
    readonly subnet: string
    readonly acl: string
    /** Private IPv4 and IPv6. */
    readonly addresses: readonly string[]
    readonly publicAddresses: readonly string[]
  }[]
}

export interface FleetInterface {
  readonly id: string
  readonly vpc: string
  readonly subnet: string
  readonly acl: string
  readonly instance?: string
}

export interface FleetNetwork {
  readonly vpc: string
  /** The VPC's own ranges, IPv4 and IPv6. */
  readonly cidrs: readonly string[]
  readonly peeredCidrs: readonly string[]
  /** Addresses of endpoints, and every public address that stands in the VPC. */
  readonly endpoints: readonly string[]
}
