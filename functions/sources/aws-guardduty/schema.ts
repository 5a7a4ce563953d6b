import * as z from 'zod'
import { address, port, seconds, text } from '../envelopes/fields.ts'

/** The detail of a "GuardDuty Finding" event (GuardDuty User Guide, "EventBridge event schema for GuardDuty"). */

const id = z.string().max(256)
const optionalAddress = address.nullish().catch(undefined)

const Remote = z.object({
  remoteIpDetails: z.object({ ipAddressV4: optionalAddress, ipAddressV6: optionalAddress }).nullish(),
  remotePortDetails: z.object({ port: port.nullish() }).nullish(),
  localPortDetails: z.object({ port: port.nullish() }).nullish(),
  localIpDetails: z.object({ ipAddressV4: optionalAddress, ipAddressV6: optionalAddress }).nullish(),
})

/** An attack sequence has at most 400 resources and endpoints and 100 signals (GuardDuty API Reference, "Sequence"). */
const Sequence = z.object({
  resources: z
    .array(z.object({ uid: text.nullish(), resourceType: id.nullish() }))
    .max(1000)
    .nullish(),
  endpoints: z
    .array(z.object({ id, ip: optionalAddress, port: port.nullish(), domain: text.nullish().catch(undefined) }))
    .max(1000)
    .nullish(),
  signals: z
    .array(
      z.object({
        name: text,
        lastSeenAt: seconds.optional(),
        resourceUids: z.array(text).max(1000).nullish(),
        endpointIds: z.array(id).max(1000).nullish(),
      }),
    )
    .max(1000)
    .nullish(),
})
export type Sequence = z.infer<typeof Sequence>

const Action = z.object({
  networkConnectionAction: Remote.extend({
    connectionDirection: z.string().max(32).nullish(),
    protocol: z.string().max(32).nullish(),
    blocked: z.boolean().nullish(),
  }).nullish(),
  dnsRequestAction: z.object({ domain: text.nullish(), blocked: z.boolean().nullish() }).nullish(),
  portProbeAction: z
    .object({ portProbeDetails: z.array(Remote).max(256).nullish(), blocked: z.boolean().nullish() })
    .nullish(),
})
export type Action = z.infer<typeof Action>

export const GuardDutyFinding = z.object({
  id,
  type: z.string().min(1).max(256),
  title: text.default(''),
  updatedAt: seconds.optional(),
  resource: z
    .object({
      instanceDetails: z
        .object({
          instanceId: id.optional(),
          networkInterfaces: z
            .array(z.object({ privateIpAddress: optionalAddress, vpcId: id.nullish() }))
            .max(64)
            .nullish(),
        })
        .nullish(),
    })
    .nullish(),
  service: z.object({
    archived: z.boolean().nullish(),
    eventLastSeen: seconds.optional(),
    action: Action.nullish(),
    additionalInfo: z
      .object({ sample: z.union([z.boolean(), z.string().max(16)]).nullish(), value: z.string().nullish() })
      .nullish(),
    detection: z.object({ sequence: Sequence.nullish() }).nullish(),
  }),
})
export type GuardDutyFinding = z.infer<typeof GuardDutyFinding>
