export interface Host {
  readonly address: string
  readonly ipv6: string | undefined
}

/** The hosts of a subnet in order. The first four addresses and the last belong to the cloud (Amazon VPC, subnet sizing). */
export function* hostsOf(range: string, range6: string | undefined): Generator<Host, undefined> {
  const { first, size } = parseRange(range)
  for (let host = 4; host < size - 1; host++)
    yield {
      address: textOf(first + host),
      ipv6: range6 === undefined ? undefined : `${range6.slice(0, range6.indexOf('::') + 2)}${host.toString(16)}`,
    }
  return undefined
}

/** An IPv4 range as its first address, a number, and its size. */
export function parseRange(range: string): { first: number; size: number } {
  const [address = '', bits = '32'] = range.split('/')
  const size = 2 ** (32 - Number(bits))
  const value = numberOf(address)
  return { first: value - (value % size), size }
}

function numberOf(address: string): number {
  return address.split('.').reduce((value, part) => value * 256 + Number(part), 0)
}

export function textOf(value: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(value / 2 ** shift) % 256).join('.')
}
