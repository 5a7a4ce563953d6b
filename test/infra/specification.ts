import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec'
import * as z from 'zod'

const Json = z.json()
type Json = z.infer<typeof Json>

export const Template = z.looseObject({
  Resources: z.record(
    z.string(),
    z.strictObject({
      Type: z.string(),
      Properties: z.record(z.string(), Json).default({}),
      DependsOn: z.union([z.string().transform(id => [id]), z.array(z.string())]).default([]),
      DeletionPolicy: z.enum(['Delete', 'Retain', 'Snapshot']).optional(),
      UpdateReplacePolicy: z.enum(['Delete', 'Retain', 'Snapshot']).optional(),
    }),
  ),
  Outputs: z.record(z.string(), Json).default({}),
})
export type Template = z.infer<typeof Template>

const database = loadAwsServiceSpecSync()
const specificationOf = (type: string) => database.lookup('resource', 'cloudFormationType', 'equals', type)[0]
type Specification = NonNullable<ReturnType<typeof specificationOf>>
type Type = Specification['properties'][string]['type']

/** What CloudFormation would refuse of a template, by its published resource specification; nothing for a good one. */
export function problemsOf({ Resources, Outputs }: Template): string[] {
  const problems: string[] = []
  const edges = new Map<string, Set<string>>()

  function refer(from: string, to: string, attribute?: string): void {
    if (to.startsWith('AWS::') && attribute === undefined) return
    const target = Resources[to]
    if (!target) problems.push(`${from} refers to ${to}, which is no resource`)
    else if (attribute !== undefined && !Object.hasOwn(specificationOf(target.Type)?.attributes ?? {}, attribute))
      problems.push(`${from} asks ${to} for ${attribute}, which ${target.Type} does not have`)
    edges.set(from, (edges.get(from) ?? new Set()).add(to))
  }

  function follow(from: string, value: Json): void {
    if (Array.isArray(value)) for (const one of value) follow(from, one)
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    for (const [name, one] of Object.entries(value)) {
      if (name === 'Ref' && typeof one === 'string') refer(from, one)
      else if (name === 'Fn::GetAtt' && Array.isArray(one)) refer(from, String(one[0]), String(one[1]))
      else if (name === 'Fn::Sub' && typeof one === 'string')
        for (const [, id = '', attribute] of one.matchAll(/\$\{([A-Za-z0-9:]+)(?:\.([A-Za-z0-9.]+))?\}/g))
          refer(from, id, attribute)
      else follow(from, one)
    }
  }

  function properties(at: string, specified: Specification['properties'], given: Record<string, Json>): void {
    for (const [name, value] of Object.entries(given)) {
      const property = Object.hasOwn(specified, name) ? specified[name] : undefined
      if (property) check(`${at}.${name}`, property.type, value)
      else problems.push(`${at} has no property ${name}`)
    }
    for (const [name, { required }] of Object.entries(specified))
      if (required && !Object.hasOwn(given, name)) problems.push(`${at} lacks ${name}`)
  }

  function check(at: string, type: Type, value: Json): void {
    if (isIntrinsic(value) || type.type === 'json') return
    const wrong = () => problems.push(`${at} is ${JSON.stringify(value)}, not of type ${type.type}`)
    switch (type.type) {
      case 'string':
        if (typeof value !== 'string' || (type.allowedValues && !type.allowedValues.includes(value))) wrong()
        return
      case 'integer':
        if (!Number.isInteger(value)) wrong()
        return
      case 'number':
        if (typeof value !== 'number') wrong()
        return
      case 'boolean':
        if (typeof value !== 'boolean') wrong()
        return
      case 'array':
        if (!Array.isArray(value)) wrong()
        else for (const [index, one] of value.entries()) check(`${at}[${index}]`, type.element, one)
        return
      case 'map':
        if (!isObject(value)) wrong()
        else for (const [name, one] of Object.entries(value)) check(`${at}.${name}`, type.element, one)
        return
      case 'ref':
        if (isObject(value)) properties(at, database.get('typeDefinition', type.reference).properties, value)
        else wrong()
        return
      case 'tag':
        if (!isObject(value) || Object.keys(value).toSorted().join() !== 'Key,Value') wrong()
        return
      case 'union':
        if (!type.types.some(one => accepts(one, value))) wrong()
        return
      default:
        wrong()
    }
  }

  /** Whether a value is of a type, without telling of it. */
  function accepts(type: Type, value: Json): boolean {
    const before = problems.length
    check('', type, value)
    const accepted = problems.length === before
    problems.length = before
    return accepted
  }

  for (const [id, { Type, Properties, DependsOn }] of Object.entries(Resources)) {
    const specification = specificationOf(Type)
    if (specification) properties(id, specification.properties, Properties)
    else problems.push(`${id} is of the unknown type ${Type}`)
    for (const one of DependsOn) refer(id, one)
    follow(id, Properties)
  }
  follow('Outputs', Outputs)
  for (const id of Object.keys(Resources)) if (reaches(id, id, edges)) problems.push(`${id} depends on itself`)
  return problems
}

function reaches(from: string, to: string, edges: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const seen = new Set<string>()
  const next = [...(edges.get(from) ?? [])]
  for (let id = next.pop(); id !== undefined; id = next.pop()) {
    if (id === to) return true
    if (seen.has(id)) continue
    seen.add(id)
    next.push(...(edges.get(id) ?? []))
  }
  return false
}

function isObject(value: Json): value is Record<string, Json> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isIntrinsic(value: Json): boolean {
  if (!isObject(value)) return false
  const [name, ...others] = Object.keys(value)
  return others.length === 0 && (name === 'Ref' || name?.startsWith('Fn::') === true)
}
