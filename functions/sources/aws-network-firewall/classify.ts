import type { Alert } from '../../core/flow.ts'

/**
 * What an intrusion-prevention rule says it saw, told from the words of its name and category. The words are those of the
 * Emerging Threats and Suricata rule texts (rules.emergingthreats.net, `classification.config`; read 2026-11).
 */

/** Each alone says mining. `coin-mining` is described as "Crypto Currency Mining Activity Detected". */
const MINING = new Set(
  'stratum cryptominer cryptomining cryptojacking coinminer bitcoinminer xmrig coinhive cpuminer minerd ethminer nbminer'.split(
    ' ',
  ),
)
const MINER = new Set(['mining', 'miner', 'miners'])
/** Mining of these, and not of data. */
const MINED = new Set(
  'crypto cryptocurrency currency coin bitcoin btc monero xmr ethereum eth litecoin ltc zcash ravencoin rvn pool'.split(
    ' ',
  ),
)

/** Each alone says tunnel: tools that carry connections inwards. */
const TUNNEL = new Set(
  (
    'chisel ngrok cloudflared argotunnel trycloudflare frp frpc rathole localtunnel serveo pinggy gsocket ligolo revsocks ' +
    'iodine dnscat dnscat2 dns2tcp ptunnel icmptunnel tmate zerotier localxpose'
  ).split(' '),
)
const TUNNELS = new Set(['tunnel', 'tunnels', 'tunneling', 'tunnelling', 'tunneled'])
/** A tunnel through one of these; Teredo and GRE are plumbing. */
const THROUGH = new Set('reverse ssh dns icmp http https websocket socks cloudflare'.split(' '))

const MAX_TEXT = 512

/** Linear in the text, which may be an intruder's: a rule's message can quote what it matched. */
export function kindOf(signature: string, category: string): Alert['kind'] {
  const words = wordsOf(`${signature.slice(0, MAX_TEXT)} ${category.slice(0, MAX_TEXT)}`)
  const any = (list: ReadonlySet<string>) => words.some(word => list.has(word))
  if (any(MINING) || (any(MINER) && any(MINED))) return 'mining'
  if (any(TUNNEL) || (any(TUNNELS) && any(THROUGH))) return 'tunnel'
  return 'other'
}

/**
 * The names that the firewall policy's own default actions go by (Network Firewall Developer Guide, "Stateful default
 * actions"). With `alert` every connection is written down: ordinary traffic, and no alert.
 */
export function isOrdinary(signature: string): boolean {
  const text = signature.trim().toLowerCase()
  return text === 'aws:alert_established action' || text === 'aws:alert_strict action'
}

function wordsOf(text: string): string[] {
  const words: string[] = []
  const lower = text.toLowerCase()
  let from = -1
  for (let at = 0; at <= lower.length; at++) {
    const code = lower.charCodeAt(at)
    const inWord = (code >= 97 && code <= 122) || (code >= 48 && code <= 57)
    if (inWord && from < 0) from = at
    else if (!inWord && from >= 0) {
      words.push(lower.slice(from, at))
      from = -1
    }
  }
  return words
}
