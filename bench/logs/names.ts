import type { Sighting } from './fleet.ts'

const words =
  'api cdn auth data files index images logs mirror models packages registry search static storage telemetry'
    .split(' ')
    .map((word, index) => `${word}.${['example.com', 'example.net', 'example.org'][index % 3]}`)

/** The name that a peer goes by: always the same, and one of its own for each address. */
export function nameOf({ peer }: Sighting): string {
  const [a = 0, b = 0, c = 0, d = 0] = peer.split('.').map(Number)
  return `n${((a << 24) | (b << 16) | (c << 8) | d) >>> 0}.${words[(a + b + c + d) % words.length]}`
}

/** Whoever stands in the VPC is not looked up. */
export const isPublic = ({ peer }: Sighting): boolean => !peer.startsWith('10.')

/** Seconds since the epoch as ISO 8601, to the second and without a zone. */
export function isoOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 19)
}
