import { createHash } from 'node:crypto'

/** A value of a template: JSON, or an intrinsic function where one may stand. */
export type Value = string | number | boolean | readonly Value[] | { readonly [name: string]: Value }

export interface Resource {
  readonly Type: string
  readonly Properties: Readonly<Record<string, Value>>
  readonly DependsOn?: readonly string[]
  readonly DeletionPolicy?: 'Retain'
  readonly UpdateReplacePolicy?: 'Retain'
}

/** By logical id. */
export type Resources = Readonly<Record<string, Resource>>

export const ref = (id: string) => ({ Ref: id })
export const attribute = (id: string, name: string) => ({ 'Fn::GetAtt': [id, name] })
export const arnOf = (id: string) => attribute(id, 'Arn')
/** A pseudo parameter within `sub`. */
export const pseudo = (name: 'Partition' | 'Region' | 'AccountId') => `\${AWS::${name}}`
export const sub = (text: string) => ({ 'Fn::Sub': text })

/** A log group's streams, as policies and permissions name them. */
export function logGroupArn(group: string): Value {
  return sub(`arn:${pseudo('Partition')}:logs:${pseudo('Region')}:${pseudo('AccountId')}:log-group:${group}:*`)
}

/** An SQS queue in the words of its API, where all values are strings, in the words of CloudFormation. */
export function queueProperties(name: string, attributes: Readonly<Record<string, string>>): Record<string, Value> {
  const typed = Object.entries(attributes).map(([attribute, text]): [string, Value] => {
    if (text === 'true' || text === 'false') return [attribute, text === 'true']
    return [attribute, /^\d+$/.test(text) ? Number(text) : text]
  })
  return { QueueName: name, ...Object.fromEntries(typed) }
}

/** Letters and digits for a name that has others; names that differ in those alone get different ids. */
export function logicalId(name: string): string {
  const readable = name.replace(/[^A-Za-z0-9]/g, '').slice(0, 64)
  return `${readable}${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
}
