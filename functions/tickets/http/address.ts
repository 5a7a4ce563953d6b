import { lookup } from 'node:dns/promises'
import * as z from 'zod'
import { compileRanges } from '../../core/address.ts'

/** Plain HTTP is for a receiver on this machine, such as the sandbox's. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

function isAcceptable(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.has(url.hostname))
}

export const TrackerUrl = z
  .string()
  .max(2048)
  .refine(isAcceptable, 'must be https, or http on loopback, without a name and password')

/** What paths are put behind. */
export const BaseUrl = TrackerUrl.regex(/^[^?#]*$/, 'without a query')

/** Not the internet's (IANA special-purpose registries, RFC 6890). */
const isPrivate = compileRanges([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '::/128',
  '::1/128',
  'fc00::/7',
])

/** Where clouds answer with an instance's credentials: link-local, EC2's IPv6 address, Alibaba Cloud's address. No tracker is there. */
const isMetadata = compileRanges(['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::/32', '100.100.100.200/32'])

/**
 * Why the host may not be asked, or `undefined`. Every address that its name resolves to must be fit; a name that resolves
 * elsewhere a moment later meets a certificate that is not its own. A name that does not resolve is left to the request.
 */
export async function unfitness(url: URL, allowPrivate: boolean): Promise<string | undefined> {
  if (LOOPBACK.has(url.hostname)) return undefined
  const bare = url.hostname.replace(/^\[|\]$/g, '')
  const found = await lookup(bare, { all: true }).catch(() => [])
  const addresses = found.map(({ address }) => address)
  if (addresses.some(isMetadata)) return 'it is at an address of metadata services'
  if (!allowPrivate && addresses.some(isPrivate)) return 'it is at a private address, and allowPrivate is not set'
  return undefined
}
