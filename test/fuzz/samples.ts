import { readdirSync, readFileSync } from 'node:fs'
import * as z from 'zod'

/** The real records of events/, from which every damaged one is made. */

const EVENTS = new URL('../../events/', import.meta.url)

const Decoded = z.object({
  owner: z.string(),
  logStream: z.string(),
  logEvents: z.array(z.object({ id: z.string(), timestamp: z.number(), message: z.string() })),
})

const files = readdirSync(EVENTS, { recursive: true, encoding: 'utf8' }).toSorted()

export const readSample = (path: string): unknown => JSON.parse(readFileSync(new URL(path, EVENTS), 'utf8'))

/** The messages of a source's samples, with the account and stream that they came from. */
export function batchesOf(source: string) {
  return files
    .filter(file => file.startsWith(`${source}/`) && file.endsWith('.decoded.json'))
    .map(file => {
      const { owner, logStream, logEvents } = Decoded.parse(readSample(file))
      return { owner, stream: logStream, messages: logEvents.map(({ message }) => message) }
    })
}

export const decodedDeliveries = files.filter(file => file.endsWith('.decoded.json')).map(readSample)
export const busEvents = files.filter(file => /\.(event|notice)\.json$/.test(file)).map(readSample)
export const changeEvents = files.filter(file => file.endsWith('.change.json')).map(readSample)

/** The format of the samples whose fields stand in an order of their own. */
export const V5 =
  'version srcaddr dstaddr srcport dstport protocol start end type packets bytes account-id vpc-id subnet-id instance-id ' +
  'interface-id region az-id sublocation-type sublocation-id action tcp-flags pkt-srcaddr pkt-dstaddr ' +
  'pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path log-status'

export const TRANSIT =
  'version resource-type account-id tgw-id tgw-attachment-id srcaddr dstaddr srcport dstport protocol packets bytes start end ' +
  'log-status type tcp-flags flow-direction'

export const transitLine =
  '6 TransitGateway 123456789012 tgw-0a1b2c3d4e5f60718 tgw-attach-0a1b2c3d4e5f60718 10.0.1.20 203.0.113.9 40112 22 6 18 4410 ' +
  '1795000000 1795000058 OK IPv4 2 egress'
