import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'

/**
 * Flow logs as a fleet of agents would leave them, from a seed. `local`: instances hold some dozens of conversations, most of
 * them with peers that all use. `scattered`: nearly every record is a conversation of its own.
 */
export type Mix = 'local' | 'scattered'

export interface Traffic {
  readonly mix: Mix
  readonly records: number
  readonly instances: number
  readonly seed: number
}

interface Line {
  readonly head: string
  readonly address: string
  readonly conversations: Conversation[]
}

interface Conversation {
  readonly peer: string
  readonly port: number
  readonly protocol: number
  readonly inbound: boolean
  clientPort: number
  /** Minutes that the connection still lives. */
  left: number
  /** Share of the minutes in which it says something. */
  readonly busy: number
  readonly size: number
}

const START = 1_790_000_040
const ACCOUNT = '123456789012'

/** xorshift32: fast, and the same everywhere. */
function generator(seed: number): () => number {
  let state = seed | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 4_294_967_296
  }
}

export const HEADER =
  'version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status\n'

/** Pieces of text, one a minute of the log. */
export function* flowLog({ mix, records, instances, seed }: Traffic): Generator<string> {
  const random = generator(seed)
  const below = (most: number) => Math.floor(random() * most)
  const outside = Array.from({ length: 400 }, () => `${random() < 0.5 ? '203.0.113' : '198.51.100'}.${1 + below(254)}`)
  const wide = () => `${[3, 13, 18, 34, 52, 104, 140, 151][below(8)]}.${below(256)}.${below(256)}.${1 + below(254)}`
  // Few peers have most of the traffic, as everywhere.
  const peers = Array.from({ length: 400 }, (_, index) => (index < 40 ? (outside[index] ?? '') : wide()))
  const popular = () => peers[Math.floor(peers.length * random() ** 3)] ?? ''

  function conversation(): Conversation {
    const kind = random()
    const clientPort = 32_768 + below(28_000)
    const rest = { clientPort, left: 1 + below(random() < 0.2 ? 240 : 4), busy: 0.3 + 0.7 * random() }
    if (kind < 0.12) return { ...rest, peer: '10.0.0.2', port: 53, protocol: 17, inbound: false, size: 90 }
    if (kind < 0.27)
      return { ...rest, peer: `10.0.9.${1 + below(40)}`, port: 5432, protocol: 6, inbound: false, size: 700 }
    if (kind < 0.35)
      return { ...rest, peer: `10.0.8.${1 + below(4)}`, port: 8080, protocol: 6, inbound: true, size: 300 }
    return { ...rest, peer: popular(), port: 443, protocol: 6, inbound: false, size: 100 + below(1300) }
  }

  const fleet: Line[] = Array.from({ length: instances }, (_, index) => ({
    head: `2 ${ACCOUNT} eni-0${(0xa1b2c3d4e5f60 + index).toString(16).padStart(16, '0')}`,
    address: `10.0.${16 + (index >> 8)}.${index & 255}`,
    conversations: Array.from({ length: 40 }, conversation),
  }))

  let written = 0
  for (let minute = START; written < records; minute += 60) {
    let text = ''
    for (const { head, address, conversations } of fleet) {
      for (let at = 0; at < conversations.length && written < records; at++) {
        const one = conversations[at]
        if (!one) continue
        const scattered = mix === 'scattered'
        const peer = scattered ? wide() : one.peer
        if (!scattered && random() > one.busy) continue
        const start = minute + below(20)
        const end = minute + 40 + below(20)
        const packets = 2 + below(40)
        const back = Math.max(1, packets - below(8))
        const [own, theirs] = one.inbound ? [one.port, one.clientPort] : [one.clientPort, one.port]
        const tail = `${start} ${end} ACCEPT OK\n`
        const ports = scattered ? `${32_768 + below(28_000)} ${one.port}` : `${own} ${theirs}`
        text += `${head} ${address} ${peer} ${ports} ${one.protocol} ${packets} ${packets * (60 + below(one.size))} ${tail}`
        written++
        if (!scattered && written < records) {
          text += `${head} ${peer} ${address} ${theirs} ${own} ${one.protocol} ${back} ${back * (60 + below(one.size))} ${tail}`
          written++
        }
        if (--one.left <= 0) conversations[at] = conversation()
      }
    }
    yield text
  }
}

/** Writes the log as AWS does: gzip, a header first. */
export async function writeFlowLog(path: string, traffic: Traffic): Promise<void> {
  function* all() {
    yield HEADER
    yield* flowLog(traffic)
  }
  await pipeline(Readable.from(all(), { objectMode: true }), createGzip({ level: 6 }), createWriteStream(path))
}
