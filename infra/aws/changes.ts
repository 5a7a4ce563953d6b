import { changePatterns } from '../../functions/clouds/aws/changes/patterns.ts'
import { arnOf, type Resources } from './cloudformation.ts'
import { functionId } from './functions.ts'

const verify = arnOf(functionId('verify'))

/** The rules that bring changes to verify; the functions read the same table. */
export function changes(): Resources {
  return Object.assign(
    {},
    ...Object.entries(changePatterns).map(([name, pattern]) => {
      const id = `Change${name.charAt(0).toUpperCase()}${name.slice(1)}`
      return {
        [`Rule${id}`]: {
          Type: 'AWS::Events::Rule',
          Properties: { EventPattern: pattern, Targets: [{ Id: 'verify', Arn: verify }] },
        },
        [`Notify${id}`]: {
          Type: 'AWS::Lambda::Permission',
          Properties: {
            Action: 'lambda:InvokeFunction',
            FunctionName: verify,
            Principal: 'events.amazonaws.com',
            SourceArn: arnOf(`Rule${id}`),
          },
        },
      } satisfies Resources
    }),
  )
}
