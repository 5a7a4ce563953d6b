import type { FunctionName } from '../../functions/clouds/aws/permissions.ts'
import { stepSettings } from '../../functions/entry/aws/step-settings.ts'
import { alarms } from './alarms.ts'
import { aliases } from './aliases.ts'
import { writeArtifacts } from './artifacts.ts'
import { changes } from './changes.ts'
import { attribute, type Resources, ref, sub, type Value } from './cloudformation.ts'
import { CHANGING, roleId, TICKETING } from './functions.ts'
import { inputsOf, notices } from './inputs.ts'
import { logs } from './logs.ts'
import { roles } from './roles.ts'
import { readSettings, type Settings } from './settings.ts'
import { storage } from './storage.ts'

/** What serverless.yml takes from here: all that follows from the code or from the operator's settings. */
export interface Template {
  readonly settings: Settings['deployment']
  readonly reserved: { readonly respond?: number; readonly verify?: number }
  readonly environment: Readonly<Record<FunctionName, Readonly<Record<string, Value>>>>
  readonly resources: { readonly Resources: Resources; readonly Outputs: Readonly<Record<string, Value>> }
}

/** Writes the artifacts that the template names, so that neither is ever older than the other. */
export async function packageTemplate(path: string): Promise<Template> {
  const settings = readSettings(path)
  await writeArtifacts(settings)
  return templateOf(settings)
}

export function templateOf(settings: Settings): Template {
  const { deployment } = settings
  const { reserveConcurrency, respondConcurrency } = deployment
  const environment = (name: FunctionName) => environmentOf(name, deployment)
  return {
    settings: deployment,
    // Changes come in bursts, and no change waits for the schedule's run to end.
    reserved: reserveConcurrency ? { respond: respondConcurrency, verify: 5 } : {},
    environment: {
      watch: environment('watch'),
      respond: environment('respond'),
      verify: environment('verify'),
      operate: environment('operate'),
      revoke: environment('revoke'),
    },
    resources: {
      Resources: {
        ...storage(),
        ...roles(inputsOf(settings), stepSettings(settings.config)),
        ...logs(settings),
        ...notices(settings),
        ...changes(),
        ...aliases(),
        ...alarms(deployment),
      },
      Outputs: {
        LedgerTableName: { Value: ref('LedgerTable') },
        OrdersQueueUrl: { Value: ref('OrdersQueue') },
        DeadLettersQueueUrl: { Value: ref('DeadLettersQueue') },
        UndeliveredOrdersQueueUrl: { Value: ref('UndeliveredOrdersQueue') },
      },
    },
  }
}

/** The configuration itself lies beside the code: a function's environment holds 4 KB at most. */
function environmentOf(name: FunctionName, { secrets }: Settings['deployment']): Record<string, Value> {
  return {
    FIREBREAK_CONFIG: 'file:/var/task/firebreak.json',
    FIREBREAK_ACCOUNT: ref('AWS::AccountId'),
    FIREBREAK_TABLE: ref('LedgerTable'),
    FIREBREAK_QUEUE: ref('OrdersQueue'),
    FIREBREAK_FINDINGS_FROM: attribute(roleId('watch'), 'RoleId'),
    FIREBREAK_OWN_ROLES: sub(CHANGING.map(one => `\${${roleId(one)}.RoleId}`).join(',')),
    FIREBREAK_DEAD_LETTERS: ref('DeadLettersQueue'),
    ...(TICKETING.includes(name) ? secretReferences(secrets) : {}),
  }
}

/**
 * CloudFormation puts the secret in when it deploys, so neither template nor artifact holds it. (The like reference to a
 * SecureString parameter is not allowed in a function's environment: CloudFormation User Guide, "Dynamic references".)
 */
function secretReferences(secrets: Settings['deployment']['secrets']): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(secrets).map(([variable, id]) => [variable, `{{resolve:secretsmanager:${id}:SecretString}}`]),
  )
}
