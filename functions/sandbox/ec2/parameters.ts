import { Refusal } from './refusal.ts'

/** Lists longer than this are no request that EC2 would take. */
const MAX_ITEMS = 1000

/**
 * The parameters of a request of the EC2 Query protocol: a structure is `Ebs.VolumeId`, a list `Filter.1.Name`. Whoever
 * reads one says which kind it is, and a value of another kind is refused.
 */
export interface Parameters {
  text(name: string): string | undefined
  /** @throws Refusal MissingParameter */
  required(name: string): string
  flag(name: string): boolean | undefined
  whole(name: string): number | undefined
  list(name: string): string[]
  structure(name: string): Parameters | undefined
  structures(name: string): Parameters[]
  /** Which of the names occur, alone or with something inside. */
  present(names: readonly string[]): string[]
  /** @throws Refusal DryRunOperation where it is one. Called when all that permission depends on is known. */
  permitted(): void
}

export function parseParameters(body: string): Parameters {
  const values = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(body)) values.set(name, value)
  const prefixes = new Set<string>()
  for (const name of values.keys())
    for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) prefixes.add(name.slice(0, dot))
  return within('', values, prefixes)
}

function within(base: string, values: ReadonlyMap<string, string>, prefixes: ReadonlySet<string>): Parameters {
  const text = (name: string) => values.get(base + name)

  function numbered<T>(name: string, read: (key: string) => T | undefined): T[] {
    const items: T[] = []
    for (let index = 1; index <= MAX_ITEMS; index++) {
      const item = read(`${name}.${index}`)
      if (item === undefined) break
      items.push(item)
    }
    return items
  }

  function structure(name: string): Parameters | undefined {
    return prefixes.has(base + name) ? within(`${base}${name}.`, values, prefixes) : undefined
  }

  function flag(name: string): boolean | undefined {
    const value = text(name)
    if (value === undefined) return undefined
    if (value !== 'true' && value !== 'false') throw invalid(name, value)
    return value === 'true'
  }

  return {
    text,
    flag,
    structure,
    required(name) {
      const value = text(name)
      if (!value) throw new Refusal('MissingParameter', `The request must contain the parameter ${base}${name}`)
      return value
    },
    whole(name) {
      const value = text(name)
      if (value === undefined) return undefined
      if (!/^-?\d{1,10}$/.test(value)) throw invalid(name, value)
      return Number(value)
    },
    list: name => numbered(name, text),
    structures: name => numbered(name, structure),
    present: names => names.filter(name => values.has(base + name) || prefixes.has(base + name)),
    permitted() {
      if (flag('DryRun'))
        throw new Refusal('DryRunOperation', 'Request would have succeeded, but DryRun flag is set.', 412)
    },
  }
}

export function invalid(name: string, value: string): Refusal {
  return new Refusal('InvalidParameterValue', `Value (${value}) for parameter ${name} is invalid.`)
}
