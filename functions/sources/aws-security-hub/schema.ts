import * as z from 'zod'
import { address, port, seconds, text } from '../envelopes/fields.ts'

/** ASFF (Security Hub User Guide, "AWS Security Finding Format"), as far as it is read. */

const word = z.string().max(32)
const optionalAddress = address.nullish().catch(undefined)
const Port = z.object({ Port: port.nullish() }).nullish()
const Remote = z.object({
  RemoteIpDetails: z.object({ IpAddressV4: optionalAddress }).nullish(),
  LocalPortDetails: Port,
})

const Action = z.object({
  NetworkConnectionAction: Remote.extend({
    ConnectionDirection: word.nullish(),
    RemotePortDetails: Port,
    Protocol: word.nullish(),
    Blocked: z.boolean().nullish(),
  }).nullish(),
  DnsRequestAction: z.object({ Domain: text.nullish(), Blocked: z.boolean().nullish() }).nullish(),
  PortProbeAction: z
    .object({ PortProbeDetails: z.array(Remote).max(256).nullish(), Blocked: z.boolean().nullish() })
    .nullish(),
})

/** An attack sequence, which only GuardDuty makes (Security Hub API Reference, "Sequence", "Signal"). */
const Sequence = z.object({
  Endpoints: z
    .array(
      z.object({
        Id: z.string().max(256),
        Ip: optionalAddress,
        Port: port.nullish(),
        Domain: text.nullish().catch(undefined),
      }),
    )
    .max(1000)
    .nullish(),
  Signals: z
    .array(
      z.object({
        Name: text,
        LastSeenAt: seconds.optional(),
        ResourceIds: z.array(z.string().max(2048)).max(1000).nullish(),
        EndpointIds: z.array(z.string().max(256)).max(1000).nullish(),
      }),
    )
    .max(1000)
    .nullish(),
})
export type Sequence = z.infer<typeof Sequence>

export const Finding = z.object({
  ProductArn: z.string().max(2048).nullish(),
  Types: z.array(text).max(50).default([]),
  Title: text.default(''),
  UpdatedAt: seconds.optional(),
  Sample: z.boolean().nullish(),
  RecordState: word.nullish(),
  Workflow: z.object({ Status: word.nullish() }).nullish(),
  ProductFields: z.record(z.string(), z.string()).nullish(),
  Resources: z.array(z.object({ Type: z.string().max(128), Id: z.string().max(2048) })).max(1000),
  Action: Action.nullish(),
  Detection: z.object({ Sequence: Sequence.nullish() }).nullish(),
  /** What `Action` took the place of; products of others still write it. */
  Network: z
    .object({
      Direction: z.string().max(8).nullish(),
      Protocol: z.string().max(16).nullish(),
      SourceIpV4: optionalAddress,
      SourceIpV6: optionalAddress,
      SourcePort: port.nullish(),
      DestinationIpV4: optionalAddress,
      DestinationIpV6: optionalAddress,
      DestinationPort: port.nullish(),
    })
    .nullish(),
})
export type Finding = z.infer<typeof Finding>

export const Detail = z.object({ findings: z.array(z.unknown()).max(1000) })
