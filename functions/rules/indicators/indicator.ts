/** A public fact by which a service is recognised. Facts only: no rule text of others. */
export interface Indicator {
  /** A name that stands for all below it, a range, or a port. */
  readonly value: string
  readonly kind:
    | 'tunnel-ingress'
    | 'tunnel-service'
    | 'tunnel-range'
    | 'tunnel-port'
    | 'tunnel-banner'
    | 'pool'
    | 'stratum-port'
    | 'shared-stratum-port'
    | 'service-port'
    | 'busy-suffix'
  /** The tool or the service. */
  readonly of: string
  /** For an ingress that shares its name with a website: the ports that only the tunnel uses. */
  readonly ports?: readonly number[]
  /** For an ingress whose port varies: those on which its website answers. */
  readonly notPorts?: readonly number[]
  readonly source: string
  /** When the source was published, or read where it bears no date. */
  readonly date: string
}

export type Origin = Pick<Indicator, 'source' | 'date'>
