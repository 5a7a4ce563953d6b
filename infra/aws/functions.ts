import type { FunctionName } from '../../functions/clouds/aws/permissions.ts'

/** The factory of each function under functions/entry/aws/, called with the environment of the process. */
export const FACTORIES = {
  watch: 'createWatch',
  respond: 'createRespond',
  verify: 'createVerify',
  operate: 'createOperate',
  revoke: 'createRevoke',
} as const satisfies Record<FunctionName, string>

export const FUNCTIONS = ['watch', 'respond', 'verify', 'operate', 'revoke'] as const satisfies readonly FunctionName[]

/** Those that open tickets; only they are given the trackers' secrets. */
export const TICKETING: readonly FunctionName[] = ['respond', 'verify']

/** Those that change something in the cloud. */
export const CHANGING: readonly FunctionName[] = ['respond', 'verify', 'revoke']

/** As serverless.yml names it. */
export const functionName = (name: FunctionName) => `firebreak-${name}`

/** The logical id that the Serverless Framework gives a function's resource. */
export const functionId = (name: FunctionName) => `${name.charAt(0).toUpperCase()}${name.slice(1)}LambdaFunction`

export const roleId = (name: FunctionName) => `${name.charAt(0).toUpperCase()}${name.slice(1)}Role`
