import type { Request } from '../../core/operate.ts'

/** As it is deployed (infra/aws/functions.ts). */
export const OPERATE_FUNCTION = 'firebreak-operate'

/**
 * An alias for each thing that may be granted apart: `lambda:InvokeFunction` on an alias's ARN permits that alias and no other
 * (AWS Lambda Developer Guide, "Using Lambda aliases in event sources and permissions policies").
 */
export const ALIASES = ['look', 'drill', 'approve', 'release', 'halt'] as const
export type Alias = (typeof ALIASES)[number]

const ALIAS_OF = {
  list: 'look',
  show: 'look',
  drill: 'drill',
  approve: 'approve',
  release: 'release',
  halt: 'halt',
  resume: 'halt',
} as const satisfies Record<Request['verb'], Alias>

export function aliasOf(verb: Request['verb']): Alias {
  return ALIAS_OF[verb]
}

/**
 * The alias under which a function was invoked, `arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS`; `undefined` where it was
 * invoked by its name alone. A version's number is no alias, and permits nothing.
 */
export function qualifierOf(invokedFunctionArn: string): string | undefined {
  return invokedFunctionArn.split(':')[7]
}
