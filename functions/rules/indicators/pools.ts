import { compileSuffixes } from '../../core/suffixes.ts'
import type { Indicator, Origin } from './indicator.ts'

function pools(origin: Origin, values: string): Indicator[] {
  return values
    .trim()
    .split(/\s+/)
    .map(value => ({ value, kind: 'pool', of: 'pool', ...origin }))
}

const survey = { source: 'Firebreak reference, detection.md, names and ports', date: '2026-11-24' }
const sigma = {
  source:
    'https://github.com/SigmaHQ/sigma rules/linux/network_connection/net_connection_lnx_crypto_mining_indicators.yml',
  date: '2021-10-26',
}
/** Of that list, what is no pool was left out: a dynamic-DNS provider, a general host, a coin's own site. */
const sentinel = {
  source:
    'https://github.com/Azure/Azure-Sentinel Detections/ASimDNS/imDNS_Miners.yaml, by way of SigmaHQ zeek_dns_mining_pools.yml',
  date: '2022-07-07',
}
const ethminer = { source: 'https://github.com/ethereum-mining/ethminer docs/POOL_EXAMPLES_ETH.md', date: '2026-11-24' }
const luminous = { source: 'https://github.com/luminousmining/miner POOLS.md', date: '2026-11-24' }
const hive = { source: 'https://github.com/minershive/hive-pooltemplates README.md', date: '2026-11-24' }
const luckpool = {
  source: 'https://luckpool.net, in public miner start scripts (stratum+tcp://na.luckpool.net:3956)',
  date: '2026-11-24',
}
const scripts = {
  source:
    'public miner start scripts (stratum+tcp://stratum-ravencoin.flypool.org:3333, ethash.unmineable.com:3333, vtc.suprnova.cc:1777, eu.crazypool.org:5005)',
  date: '2026-11-24',
}

export const poolIndicators: readonly Indicator[] = [
  ...pools(
    survey,
    `nanopool.org supportxmr.com hashvault.pro 2miners.com f2pool.com c3pool.com herominers.com moneroocean.stream
    minergate.com nicehash.com xmrig.com`,
  ),
  ...pools(sigma, 'minexmr.com hashcity.org xmrpool.eu monerocean.stream'),
  ...pools(
    sentinel,
    `monerohash.com xmrminerpro.com secumine.net xmrpool.com minexmr.org hashanywhere.com xmrget.com mininglottery.eu
    moriaxmr.com multipooler.com moneropools.com coolmining.club xmrpool.net crypto-pool.fr miner.rocks walpool.com
    semipool.com coinfoundry.org cryptoknight.cc fairhash.org baikalmine.com tubepool.xyz fairpool.xyz asiapool.io
    coinpoolit.webhop.me moneropool.com miner.center prohash.net poolto.be monerominers.net cryptonotepool.org
    extrmepool.org monero.farm dwarfpool.com hash-to-coins.com pool-proxy.com hashfor.cash fairpool.cloud litecoinpool.org
    mineshaft.ml moneropool.ru cryptonotepool.org.uk extremepool.org extremehash.com hashinvest.net hashinvest.ws
    unipool.pro crypto-pools.org backup-pool.com cryptonight.net`,
  ),
  ...pools(ethminer, 'ethermine.org ethpool.org miningpoolhub.com sparkpool.com whalesburg.com'),
  ...pools(luminous, 'woolypooly.com evrpool.com luckypool.io stratumx.org'),
  ...pools(hive, 'hiveon.net'),
  ...pools(luckpool, 'luckpool.net'),
  ...pools(scripts, 'flypool.org unmineable.com suprnova.cc crazypool.org'),
]

/** Coins that are mined today or were, as pools write them in a label: ticker or name. */
const coins = new Set(
  `btc bch ltc doge eth etc ethw xmr monero rvn ravencoin erg ergo kas kaspa zec zcash flux firo beam grin dash dcr xtm tari
  zeph zephyr alph alephium nexa clore xna neoxa verus vrsc rtm raptoreum sal salvium quai qubic`.split(/\s+/),
)
const trades = new Set(['pool', 'pools', 'mine', 'miner', 'mining', 'stratum'])
/** One of these is in each of them: nearly all names have none, and every name is asked about. */
const stems = ['pool', 'mine', 'mining', 'stratum']
/** Labels under which a pool's website answers. Its stratum hosts have others (xmr-eu1, pool, gulf, de.quai). */
const webLabels = new Set(
  'www api app apps web blog docs doc help support status static cdn assets img images account accounts my dashboard forum wiki news mail auth login'.split(
    ' ',
  ),
)

const find = compileSuffixes(poolIndicators.map(indicator => [indicator.value, indicator] as const))

export function poolNamed(name: string): Indicator | undefined {
  return find(name)
}

/** Whether the name, under a known pool, is one by which its website may answer: the bare name, `www`, or a coin's page. */
export function isWebName(name: string, pool: Indicator): boolean {
  const host = name.slice(0, Math.max(0, name.length - pool.value.length - 1))
  const [first = '', ...more] = host.split('.', 3)
  return host === '' || (more.length === 0 && (webLabels.has(first) || coins.has(first)))
}

/** Whether a name that sounds like a pool names the protocol itself, which no web page of it does. */
export function saysStratum(name: string): boolean {
  return name.split(/[.-]/, LONGEST_NAME).includes('stratum')
}

const LONGEST_NAME = 255

/**
 * Whether the labels of an unknown name speak of a pool: a coin and a trade, each delimited by `.` or `-`
 * (`xmr-pool.example.net`). Linear; names beyond DNS's length are no names (RFC 1035, 2.3.4).
 */
export function soundsLikePool(name: string): boolean {
  if (name.length > LONGEST_NAME || !stems.some(stem => name.includes(stem))) return false
  const labels = name.split(/[.-]/)
  return labels.some(label => coins.has(label)) && labels.some(label => trades.has(label))
}
