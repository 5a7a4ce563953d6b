import type { LogInputs } from '../../functions/clouds/aws/log-inputs.ts'
import { awsPermissions, type FunctionName } from '../../functions/clouds/aws/permissions.ts'
import type { StepSettings } from '../../functions/clouds/aws/registry.ts'
import type { Permission } from '../../functions/core/ports.ts'
import { logGroupArn, pseudo, type Resource, type Resources, sub, type Value } from './cloudformation.ts'
import { FUNCTIONS, functionName, roleId } from './functions.ts'

/** One role a function: what its adapters and steps declare, and its own log streams. */
export function roles(inputs: LogInputs, steps: StepSettings): Resources {
  const permissions = awsPermissions(inputs, steps)
  return Object.fromEntries(FUNCTIONS.map(name => [roleId(name), role(name, permissions[name])]))
}

function role(name: FunctionName, permissions: readonly Permission[]): Resource {
  return {
    Type: 'AWS::IAM::Role',
    Properties: {
      Description: `What ${functionName(name)} may do, as its parts declare it`,
      AssumeRolePolicyDocument: trust('lambda.amazonaws.com'),
      Policies: [
        // IAM takes no policy without a statement.
        ...(permissions.length > 0
          ? [{ PolicyName: 'declared', PolicyDocument: policy(merged(permissions).map(statement)) }]
          : []),
        { PolicyName: 'logs', PolicyDocument: policy([ownLogs(name)]) },
      ],
    },
  }
}

/** One statement for all that is allowed on the same resources: a role's inline policies have 10,240 characters in all. */
export function merged(permissions: readonly Permission[]): Permission[] {
  const alike = Map.groupBy(permissions, ({ resources, conditions }) => JSON.stringify([resources, conditions]))
  return [...alike.values()].flatMap(([first, ...more]) => {
    if (!first) return []
    const actions = new Set([first, ...more].flatMap(one => one.actions))
    return [{ ...first, actions: [...actions].toSorted() }]
  })
}

export function statement({ actions, resources, conditions }: Permission): Value {
  return {
    Effect: 'Allow',
    Action: [...actions],
    Resource: resources.map(narrow),
    ...(conditions === undefined ? {} : { Condition: conditions }),
  }
}

/**
 * The partition and Region of the stack instead of any. The account too, but not for EC2: in a shared VPC the network and
 * a security group are another account's, and EC2 itself lets nobody touch what is not shared with them.
 */
function narrow(resource: string): Value {
  const parts = resource.split(':')
  if (parts[0] !== 'arn') return resource
  const [, , service, region, account, ...rest] = parts
  const within = account === '*' && service !== 'ec2' ? pseudo('AccountId') : account
  const here = region === '*' ? pseudo('Region') : region
  return sub(['arn', pseudo('Partition'), service, here, within, ...rest].join(':'))
}

/** The groups are made by the stack, so that no function can make one. */
function ownLogs(name: FunctionName): Value {
  return {
    Effect: 'Allow',
    Action: ['logs:CreateLogStream', 'logs:PutLogEvents'],
    Resource: [logGroupArn(`/aws/lambda/${functionName(name)}`)],
  }
}

export function policy(statements: readonly Value[]): Value {
  return { Version: '2012-10-17', Statement: statements }
}

export function trust(service: string, conditions: Record<string, Value> = {}): Value {
  return policy([{ Effect: 'Allow', Principal: { Service: service }, Action: 'sts:AssumeRole', ...conditions }])
}
