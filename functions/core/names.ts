import type { NameSeen } from './flow.ts'
import { distinct, hashText, setBit } from './hash.ts'
import type { NameView, SuffixView } from './rule.ts'
import { nthSmallest } from './select.ts'

/** The names that one instance asked for, and how many came under one suffix. Sets and bit maps: repeats change nothing. */
interface Name {
  readonly name: string
  readonly via: NameSeen['via']
  /** Each with the newest time that the name had it. */
  addresses: Map<string, number>
  ports: number[]
  first: number
  last: number
  /** A rule wants it later. */
  kept: boolean
}

export interface Suffix {
  readonly suffix: string
  /** The hour that the first maps count; the second ones count the hour before. */
  hour: number
  names: [Uint8Array, Uint8Array]
  encoded: [Uint8Array, Uint8Array]
  first: number
  last: number
}

export interface Names {
  readonly names: Map<string, Name>
  readonly suffixes: Map<string, Suffix>
}

const MAX_NAMES = 192
const MAX_ADDRESSES = 16
const MAX_PORTS = 4
const MAX_SUFFIXES = 24
/** 256 bits. */
export const SUFFIX_BYTES = 32
const ENCODED_LABEL = 16
const HOUR = 3600
const DAY = 86_400

export const noNames = (): Names => ({ names: new Map(), suffixes: new Map() })

export function addName({ names, suffixes }: Names, seen: NameSeen, kept: boolean): void {
  const key = `${seen.via} ${seen.name}`
  const name = names.get(key) ?? {
    name: seen.name,
    via: seen.via,
    addresses: new Map(),
    ports: [],
    first: seen.time,
    last: 0,
    kept,
  }
  names.set(key, name)
  name.first = Math.min(name.first, seen.time)
  name.last = Math.max(name.last, seen.time)
  for (const address of seen.addresses)
    name.addresses.set(address, Math.max(name.addresses.get(address) ?? 0, seen.time))
  if (name.addresses.size > MAX_ADDRESSES)
    name.addresses = new Map([...name.addresses].toSorted(byTime).slice(-MAX_ADDRESSES))
  if (seen.peerPort !== undefined && seen.via !== 'dns')
    name.ports = [...new Set([...name.ports, seen.peerPort])].toSorted((a, b) => a - b).slice(0, MAX_PORTS)
  if (seen.via === 'dns') addSuffix(suffixes, seen.name, seen.time)
}

function byTime([a, atA]: readonly [string, number], [b, atB]: readonly [string, number]): number {
  return atA - atB || (a < b ? -1 : 1)
}

/** The last two labels, or three where the second is as short as in co.uk. */
export function suffixOf(name: string): string {
  const labels = name.split('.')
  const second = labels.at(-2) ?? ''
  return labels.slice(second.length <= 3 && labels.length > 2 ? -3 : -2).join('.')
}

/**
 * Data in a name is long and of many characters alike often. Words have as many bits a character at such a length, so only
 * long labels count: a host's name is made of short ones (`ip-10-20-1-5.eu-west-1.compute`).
 */
function isEncoded(name: string, suffix: string): boolean {
  const labels = name.slice(0, Math.max(0, name.length - suffix.length - 1)).split('.')
  const text = labels.filter(label => label.length >= ENCODED_LABEL).join('')
  if (text.length < 24) return false
  const counts = new Map<string, number>()
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1)
  let bits = 0
  for (const times of counts.values()) bits -= (times / text.length) * Math.log2(times / text.length)
  return bits >= 3.2
}

function addSuffix(suffixes: Map<string, Suffix>, name: string, time: number): void {
  const suffix = suffixOf(name)
  if (suffix === name) return
  const hour = Math.floor(time / HOUR)
  const maps = (): [Uint8Array, Uint8Array] => [new Uint8Array(SUFFIX_BYTES), new Uint8Array(SUFFIX_BYTES)]
  const one = suffixes.get(suffix) ?? { suffix, hour, names: maps(), encoded: maps(), first: time, last: time }
  suffixes.set(suffix, one)
  one.first = Math.min(one.first, time)
  one.last = Math.max(one.last, time)
  if (hour > one.hour) {
    const next = hour === one.hour + 1
    one.names = [new Uint8Array(SUFFIX_BYTES), next ? one.names[0] : new Uint8Array(SUFFIX_BYTES)]
    one.encoded = [new Uint8Array(SUFFIX_BYTES), next ? one.encoded[0] : new Uint8Array(SUFFIX_BYTES)]
    one.hour = hour
  }
  const age = one.hour - hour
  if (age !== 0 && age !== 1) return
  setBit(one.names[age], hashText(name))
  if (isEncoded(name, suffix)) setBit(one.encoded[age], hashText(name))
}

/**
 * Forgets what is a day old, and past the bounds the oldest: first the names whose addresses no conversation has, last
 * those that a rule wants, so that a flood of names does not push those out.
 */
export function tidyNames(
  { names, suffixes }: Names,
  now: number,
  peers: () => (address: string) => boolean,
  most: number = MAX_NAMES,
): void {
  for (const [key, { last }] of names) if (last < now - DAY) names.delete(key)
  for (const [key, { last }] of suffixes) if (last < now - 2 * HOUR) suffixes.delete(key)
  if (names.size > most) {
    const isPeer = peers()
    const ranked = [...names].map(([key, one]) => ({ key, one, rank: rankOf(one, isPeer) }))
    const limit = nthSmallest(
      Float64Array.from(ranked, ({ rank }) => rank),
      names.size - most - 1,
    )
    const level = ranked.filter(({ rank }) => rank === limit)
    for (const { key, rank } of ranked) if (rank < limit) names.delete(key)
    for (const { key } of level.toSorted((a, b) => (a.one.name < b.one.name ? -1 : 1)).slice(0, names.size - most))
      names.delete(key)
  }
  if (suffixes.size > MAX_SUFFIXES) {
    const count = ({ names: maps }: Suffix) => distinct(maps[0]) + distinct(maps[1])
    const least = [...suffixes].toSorted(
      ([, a], [, b]) => count(a) - count(b) || a.last - b.last || (a.suffix < b.suffix ? -1 : 1),
    )
    for (const [key] of least.slice(0, suffixes.size - MAX_SUFFIXES)) suffixes.delete(key)
  }
}

/** Worth before age, seconds since the epoch being less than 2^40. */
function rankOf({ kept, last, addresses }: Name, isPeer: (address: string) => boolean): number {
  return ((kept ? 2 : 0) + (addresses.keys().some(isPeer) ? 1 : 0)) * 2 ** 40 + last
}

export function nameViews({ names }: Names): NameView[] {
  return [...names.values()]
    .map(({ kept: _unused, addresses, ...view }) => ({
      ...view,
      addresses: [...addresses].toSorted(byTime).map(([address]) => address),
    }))
    .toSorted((a, b) => a.last - b.last || (`${a.name} ${a.via}` < `${b.name} ${b.via}` ? -1 : 1))
}

export function suffixViews({ suffixes }: Names): SuffixView[] {
  const ordered = [...suffixes.values()].toSorted((a, b) => (a.suffix < b.suffix ? -1 : 1))
  return ordered.map(({ suffix, names, encoded, first, last }) => ({
    suffix,
    names: distinct(names[0]) + distinct(names[1]),
    encoded: distinct(encoded[0]) + distinct(encoded[1]),
    first,
    last,
  }))
}
