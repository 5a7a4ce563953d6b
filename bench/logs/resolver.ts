import { ACCOUNT, instanceOf, type Sighting, VPC } from './fleet.ts'
import { isoOf, isPublic, nameOf } from './names.ts'

/**
 * The VPC resolver's query log (Route 53 Developer Guide, "Values that appear in VPC Resolver query logs"): a query for the
 * address before each connection outwards, and for every third one a query for the other family's.
 */
export function* queries(seen: Sighting): Generator<string> {
  if (!seen.sent || !seen.opened || !seen.outbound || !isPublic(seen)) return
  const name = nameOf(seen)
  yield query(seen, name, 'A', answersOf(seen, name))
  if (seen.ownPort % 3 === 0) yield query(seen, name, 'AAAA', [])
}

/** Half of what is asked for stands behind a content network's own name. */
function answersOf(seen: Sighting, name: string): readonly object[] {
  const addresses = Array.from({ length: 1 + (seen.ownPort % 3) }, (_, index) => ({
    Rdata:
      index === 0
        ? seen.peer
        : `${seen.peer.slice(0, seen.peer.lastIndexOf('.'))}.${1 + ((seen.ownPort + index) % 254)}`,
    Type: 'A',
    Class: 'IN',
  }))
  return seen.ownPort % 2 === 0 ? [{ Rdata: `edge.${name}.`, Type: 'CNAME', Class: 'IN' }, ...addresses] : addresses
}

function query(seen: Sighting, name: string, type: string, answers: readonly object[]): string {
  return JSON.stringify({
    version: '1.100000',
    account_id: ACCOUNT,
    region: 'us-east-1',
    vpc_id: VPC,
    query_timestamp: `${isoOf(seen.start)}Z`,
    query_name: `${name}.`,
    query_type: type,
    query_class: 'IN',
    rcode: seen.ownPort % 40 === 0 ? 'NXDOMAIN' : 'NOERROR',
    answers: seen.ownPort % 40 === 0 ? [] : answers,
    srcaddr: seen.own,
    srcport: String(1024 + (seen.ownPort % 60_000)),
    transport: 'UDP',
    srcids: { instance: instanceOf(seen.instance) },
  })
}
