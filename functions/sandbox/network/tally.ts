import type { Carried } from './truth.ts'

/** What one end of a session saw in one direction within the current flow-log window. */
export interface Tally {
  packets: number
  bytes: number
  /** SYN 2, SYN-ACK 18, FIN 1, RST 4, OR-ed as flow logs do. */
  flags: number
}

/** One end of a session: an interface inside, with what has gone by since the window began. */
export interface End {
  readonly interface: string
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  readonly protocol: number
  /** Where its egress goes: `1` through another resource of the VPC, `8` through an internet gateway (traffic-path). */
  readonly path: '1' | '8'
  /** What the ground truth calls its traffic. */
  readonly carried: Carried
  readonly egress: { readonly accepted: Tally; readonly rejected: Tally }
  readonly ingress: { readonly accepted: Tally; readonly rejected: Tally }
  /** Whether it stands in its interface's list for this window already. */
  touched: boolean
}

export interface Tuple {
  readonly interface: string
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  readonly protocol: number
}

export function createEnd(tuple: Tuple, path: End['path'], carried: Carried): End {
  return { ...tuple, path, carried, egress: createPair(), ingress: createPair(), touched: false }
}

function createPair() {
  return { accepted: { packets: 0, bytes: 0, flags: 0 }, rejected: { packets: 0, bytes: 0, flags: 0 } }
}

export function clearEnd(end: End): void {
  for (const { accepted, rejected } of [end.egress, end.ingress])
    for (const tally of [accepted, rejected]) {
      tally.packets = 0
      tally.bytes = 0
      tally.flags = 0
    }
  end.touched = false
}
