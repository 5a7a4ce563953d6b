import * as z from 'zod'
import { Signal } from './signal.ts'

/** A peer that a tunnel or mining signal names: only these may be denied. */
export const Peer = z.object({
  address: z.string().max(64),
  port: z.number().int(),
  protocol: z.number().int(),
})
export type Peer = z.infer<typeof Peer>

/** A conversation that gave the instance away, for the report's chart. */
export const Exhibit = z.object({
  peer: z.string().max(64),
  port: z.number().int(),
  protocol: z.number().int(),
  first: z.number(),
  last: z.number(),
  bytesOut: z.number(),
  bytesIn: z.number(),
  packetsOut: z.number(),
  packetsIn: z.number(),
  /** Minute (since the epoch) of the first character of `activity`. */
  minute: z.number().int(),
  /** One character a minute, oldest first: `1` active, `0` silent; at most 64. */
  activity: z.string().max(64),
})
export type Exhibit = z.infer<typeof Exhibit>

/** Where the inventory says that the instance stands; a hint that saves round trips, checked against the description. */
export const Placement = z.object({
  vpc: z.string().max(64),
  interfaces: z
    .array(z.object({ id: z.string().max(64), subnet: z.string().max(64), acl: z.string().max(64) }))
    .max(64),
})
export type Placement = z.infer<typeof Placement>

export const Decision = z.enum(['watch', 'alert', 'isolate'])
export type Decision = z.infer<typeof Decision>

/** The signals on one instance that reached a threshold (OCSF Detection Finding 2004). */
export const Finding = z.object({
  /** SHA-256 of the records that it rests on: two deliveries of the same records are one finding. */
  id: z.string().min(8).max(64),
  /** When it was judged, milliseconds since the epoch. */
  at: z.number(),
  decision: Decision,
  score: z.number(),
  account: z.string().max(64),
  region: z.string().max(64),
  instance: z.string().min(1).max(64),
  placement: Placement.optional(),
  signals: z.array(Signal).max(256),
  peers: z.array(Peer).max(64),
  exhibits: z.array(Exhibit).max(32),
  drill: z.boolean(),
})
export type Finding = z.infer<typeof Finding>
