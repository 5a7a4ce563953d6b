import { ALIASES } from '../../functions/clouds/aws/operating.ts'
import { type Resources, ref } from './cloudformation.ts'
import { functionId } from './functions.ts'

/**
 * What may be granted apart of operate. All point to `$LATEST`, which an alias may (AWS Lambda API Reference, CreateAlias): they differ
 * in who may invoke them and not in what runs.
 */
export function aliases(): Resources {
  return Object.fromEntries(
    ALIASES.map(name => [
      `OperateAlias${name.charAt(0).toUpperCase()}${name.slice(1)}`,
      {
        Type: 'AWS::Lambda::Alias',
        Properties: { FunctionName: ref(functionId('operate')), FunctionVersion: '$LATEST', Name: name },
      },
    ]),
  )
}
