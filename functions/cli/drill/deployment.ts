import { changePatterns } from '../../clouds/aws/changes/patterns.ts'
import { ledgerTable } from '../../clouds/aws/ledger-table.ts'
import { type LogInputs, NO_INPUTS } from '../../clouds/aws/log-inputs.ts'
import { deadLettersQueue, ordersQueue } from '../../clouds/aws/message.ts'
import { ALIASES, OPERATE_FUNCTION } from '../../clouds/aws/operating.ts'
import { awsPermissions, type FunctionName } from '../../clouds/aws/permissions.ts'
import { InputError } from '../../core/errors.ts'
import type { Step } from '../../core/ports.ts'
import { createOperate } from '../../entry/aws/operate.ts'
import { createRespond } from '../../entry/aws/respond.ts'
import { createRevoke } from '../../entry/aws/revoke.ts'
import { stepSettings } from '../../entry/aws/step-settings.ts'
import { createVerify } from '../../entry/aws/verify.ts'
import { createWatch } from '../../entry/aws/watch.ts'
import { readConfig } from '../../entry/config.ts'
import { roleIdOf } from '../../sandbox/bus.ts'
import { createClock } from '../../sandbox/clock.ts'
import { matchesPattern } from '../../sandbox/event-patterns.ts'
import { type SandboxOptions, startSandbox } from '../../sandbox/front.ts'
import { giveCredentials } from '../../sandbox/iam/sessions.ts'
import { attachQueue, drainQueue, invocationOf, invokeAgain } from '../../sandbox/lambda.ts'
import { createLogStore } from '../../sandbox/logs/store.ts'
import { createNetwork } from '../../sandbox/network/network.ts'
import { buildCloud } from '../../sandbox/scenario/build.ts'
import type { Scenario } from '../../sandbox/scenario/scenario.ts'
import { openTracker } from '../../sandbox/tracker.ts'

/** The timeouts that the deployment gives its functions, in milliseconds. */
const TIMEOUTS = {
  watch: 60_000,
  respond: 60_000,
  verify: 120_000,
  operate: 30_000,
  revoke: 30_000,
} satisfies Record<FunctionName, number>

const EVIDENCE_BUCKET = 'firebreak-evidence'

const SECRET = 'sandbox-secret-of-the-drill'

export interface DeploymentOptions {
  readonly without?: readonly string[]
  /** Of the steps that change or collect anything, these alone. */
  readonly only?: readonly string[]
  readonly port?: number
  readonly latencies?: SandboxOptions['latencies']
  /** Detection settings of the configuration; default: its own. */
  readonly rules?: Readonly<Record<string, unknown>>
  /** As the configuration has it; default: false. */
  readonly dnsCovered?: boolean
  /** More of the configuration, key by key in place of the drill's own. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** What watch may read beside the configured buckets; default: nothing. */
  readonly inputs?: Partial<LogInputs>
}

const FUNCTIONS = ['watch', 'respond', 'verify', 'operate', 'revoke'] as const satisfies readonly FunctionName[]

export type Deployment = Awaited<ReturnType<typeof deploy>>

/** A scenario's cloud with Firebreak deployed into it: the real handlers, the real clients, one process, loopback only. */
export async function deploy(
  scenario: Scenario,
  {
    without = [],
    only,
    port = 0,
    latencies = {},
    rules = {},
    dnsCovered = false,
    settings = {},
    inputs = {},
  }: DeploymentOptions = {},
) {
  const clock = createClock(scenario.start)
  const built = buildCloud(scenario)
  const logs = createLogStore()
  const network = createNetwork({ scenario, built, clock, logs })
  const sandbox = await startSandbox({ clock, cloud: built.cloud, logs, port, latencies })
  const tracker = await openTracker(SECRET)
  await sandbox.createTable(ledgerTable)
  const queue = await sandbox.createQueue(ordersQueue)
  const deadLetters = await sandbox.createQueue(deadLettersQueue)
  sandbox.createBucket(EVIDENCE_BUCKET, {})
  const environment = {
    ...sandbox.environment,
    POWERTOOLS_LOG_LEVEL: 'SILENT',
    POWERTOOLS_METRICS_DISABLED: 'true',
    FIREBREAK_WEBHOOK_SECRET: SECRET,
    FIREBREAK_CONFIG: JSON.stringify({
      account: built.cloud.account,
      table: ledgerTable.TableName,
      queue: queue.url,
      deadLetters: deadLetters.url,
      policy: { mode: 'enforce' },
      credentials: { roles: [...(built.cloud.roles?.keys() ?? [])] },
      ownRoles: FUNCTIONS.map(roleIdOf).join(','),
      rules,
      dnsCovered,
      evidence: { bucket: EVIDENCE_BUCKET },
      logGroups: {
        [network.flowGroup]: { source: 'aws-vpc-flow', fields: network.fields },
        [network.traceGroup]: { source: 'agent-trace' },
        [network.firewallGroup]: { source: 'aws-network-firewall', firewalls: firewallsOf(scenario, built.networks) },
      },
      tickets: [{ target: 'webhook', url: tracker.url, secret: 'env:FIREBREAK_WEBHOOK_SECRET' }],
      ...settings,
    }),
  }
  /** Each function calls with an access key of its own, as with a role of its own, and may do what it declares and no more. */
  const environmentOf = (name: FunctionName) => ({ ...environment, AWS_ACCESS_KEY_ID: accessKeyOf(name) })
  refuseOutside(environment.AWS_ENDPOINT_URL)

  function leftOut(steps: readonly Step[]): Step[] {
    for (const id of without)
      if (!steps.some(step => step.id === id))
        throw new InputError(`Cannot leave out step "${id}": there are ${steps.map(step => step.id).join(', ')}`)
    return steps.filter(
      ({ id, stage }) => !without.includes(id) && (stage === 'report' || (only?.includes(id) ?? true)),
    )
  }
  async function close(): Promise<void> {
    await Promise.all([sandbox.close(), tracker.close()])
  }
  function compose() {
    return {
      watch: createWatch(environmentOf('watch'), { clock }),
      respond: createRespond(environmentOf('respond'), { clock, steps: leftOut }),
      verify: createVerify(environmentOf('verify'), { clock, steps: leftOut }),
      operate: createOperate(environmentOf('operate'), { clock }),
      revoke: createRevoke(environmentOf('revoke')),
    }
  }
  const lane = {
    endpoint: sandbox.endpoint,
    region: built.cloud.region,
    queueUrl: queue.url,
    queueArn: queue.arn,
    accessKey: accessKeyOf('respond'),
  }
  let functions: ReturnType<typeof compose>
  try {
    functions = compose()
    const config = readConfig(environment)
    const read = { ...NO_INPUTS, buckets: Object.keys(config.buckets), ...inputs }
    const permissions = awsPermissions(read, stepSettings(config))
    for (const name of FUNCTIONS) sandbox.admit({ accessKey: accessKeyOf(name), name, permissions: permissions[name] })
    await attachQueue(lane, TIMEOUTS.respond)
  } catch (thrown) {
    // Open servers would keep the process alive, and nobody would see why it does not end.
    await close()
    throw thrown
  }
  const { revoke, operate } = functions
  const waiting: unknown[] = []
  sandbox.bus.listen(event => {
    if (Object.values(changePatterns).some(pattern => matchesPattern(pattern, event))) waiting.push(event)
  })
  sandbox.serve('firebreak-revoke', event => revoke(event, invocationOf('firebreak-revoke', TIMEOUTS.revoke)))
  sandbox.serve(
    OPERATE_FUNCTION,
    (event, alias) => operate(event, invocationOf(OPERATE_FUNCTION, TIMEOUTS.operate, alias)),
    ALIASES,
  )
  // Fetched before anything is closed, as an intruder would.
  const stolen = new Map(built.members.map(({ instance }) => [instance, giveCredentials(built.cloud, instance)]))

  /** Whether somebody can still call the cloud with what an instance was given at the beginning. */
  async function credentialsWork(instance: string): Promise<boolean> {
    const scope = `${stolen.get(instance)?.accessKeyId}/20260101/${built.cloud.region}/ec2/aws4_request`
    const { ok } = await fetch(sandbox.endpoint, {
      method: 'POST',
      headers: { authorization: `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=host, Signature=0` },
      body: 'Action=DescribeInstances&Version=2016-11-15',
      signal: AbortSignal.timeout(10_000),
    })
    return ok
  }

  return {
    scenario,
    clock,
    built,
    network,
    sandbox,
    tracker,
    /** What a person has who may do everything. */
    environment,
    environmentOf,
    /** The findings queue, as Lambda's poller sees it. */
    lane,
    watch: (payload: unknown) =>
      invokeAgain(() => functions.watch(payload, invocationOf('firebreak-watch', TIMEOUTS.watch))),
    verify: () => functions.verify({}, invocationOf('firebreak-verify', TIMEOUTS.verify)),
    /** Invokes verify for what the bus has for it by now, one event after the other. Returns how many there were. */
    async changes(): Promise<number> {
      sandbox.bus.settle()
      const events = waiting.splice(0)
      for (const event of events)
        await invokeAgain(async () => functions.verify(event, invocationOf('firebreak-verify', TIMEOUTS.verify)))
      return events.length
    },
    operate: (request: unknown) => functions.operate(request, invocationOf('firebreak-operate', TIMEOUTS.operate)),
    /** Invokes respond for what stands in the lanes, until they are empty. `around` sees each invocation. */
    respond: (around: <T>(invoke: () => Promise<T>) => Promise<T> = invoke => invoke()) =>
      drainQueue(lane, event =>
        around(async () => functions.respond(event, invocationOf('firebreak-respond', TIMEOUTS.respond))),
      ),
    deadLetters: () => sandbox.queueLength(deadLetters.url),
    deadLettersQueue: deadLetters.url,
    credentialsWork,
    close,
  }
}

function accessKeyOf(name: FunctionName): string {
  return `FIREBREAK${name.toUpperCase()}`
}

function firewallsOf({ firewall }: Scenario, networks: ReadonlyMap<string, string>): Record<string, string> {
  const vpc = firewall && networks.get(firewall.network)
  return firewall && vpc !== undefined ? { [firewall.name]: vpc } : {}
}

/** A drill never speaks to a real cloud, whatever the environment of the shell says. */
export function refuseOutside(endpoint: string): void {
  const { hostname } = new URL(endpoint)
  if (hostname !== '127.0.0.1' && hostname !== '[::1]')
    throw new InputError(`Cannot drill against "${hostname}": a drill speaks to loopback only`)
}
