import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import type { FunctionName } from '../../functions/clouds/aws/permissions.ts'
import { ConfigurationError, quoted, reasonOf } from '../../functions/core/errors.ts'
import { type Config, readConfig } from '../../functions/entry/config.ts'
import { sources } from '../../functions/sources/registry.ts'
import { TICKETING } from './functions.ts'

/** What the account's own services find, by the rule of the bus that brings it. */
export const FINDINGS = ['guardduty', 'security-hub', 'dns-firewall', 'alarms'] as const

const arns = (pattern: RegExp, what: string) => z.array(z.string().regex(pattern, what)).max(20).default([])

const days = z.number().int().min(1).max(3653)

/** What the deployment makes around the functions, as against what the functions decide by (functions/entry/config.ts). */
export const Deployment = z.strictObject({
  /** Of the functions' own logs. CloudWatch Logs takes certain numbers only, such as 30, 90 or 365. */
  logRetentionDays: days.default(90),
  /**
   * Keeps concurrency for respond and verify, whatever else runs in the account. An account with a small quota, as new
   * ones have, cannot reserve any (AWS Lambda Developer Guide, "Configuring reserved concurrency").
   */
  reserveConcurrency: z.boolean().default(true),
  /** Instances that are worked on at the same time. */
  respondConcurrency: z.number().int().min(2).max(1000).default(20),
  /** Environment variable → secret in Secrets Manager (name or ARN) that becomes its value. */
  secrets: z
    .record(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/), z.string().regex(/^[A-Za-z0-9/_+=.@:-]{1,512}$/))
    .default({}),
  /** SNS topic that the alarms tell. */
  alarmTopic: z
    .string()
    .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/, 'the ARN of an SNS topic')
    .optional(),
  /** Flow logs that the stack makes; their format is the log group's `fields`. */
  flowLog: z
    .strictObject({
      group: z.string().regex(/^[A-Za-z0-9/_.#-]{1,512}$/),
      vpcs: z
        .array(z.string().regex(/^vpc-[0-9a-f]{8,17}$/))
        .min(1)
        .max(100),
      retentionDays: days.default(30),
    })
    .optional(),
  /** What tells watch of new objects in the configured buckets. */
  objects: z
    .strictObject({
      /** Queues that the buckets, or a topic of theirs, send to. */
      queues: arns(/^arn:aws[a-z-]*:sqs:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,80}$/, 'the ARN of a standard queue of SQS'),
      topics: arns(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}$/, 'the ARN of an SNS topic'),
      /** The buckets send their notices to EventBridge. */
      bus: z.boolean().default(false),
      /** The buckets invoke watch themselves. */
      direct: z.boolean().default(false),
      /** What the objects are encrypted with, where it is not S3's own key. */
      keys: arns(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]{1,64}$/, 'the ARN of a KMS key'),
    })
    .prefault({}),
  findings: z.array(z.enum(FINDINGS)).max(FINDINGS.length).default([]),
})
export type Deployment = z.infer<typeof Deployment>

const SettingsFile = z.strictObject({
  deployment: Deployment.prefault({}),
  /** As functions/entry/config.ts has it, without what the template fills in. */
  configuration: z.record(z.string(), z.unknown()),
})

export interface Settings {
  readonly deployment: Deployment
  /** Read as the functions read it, with stand-ins for what only the deployed stack knows. */
  readonly config: Config
  /** As it goes into the artifacts, defaults left out. */
  readonly configuration: Readonly<Record<string, unknown>>
  /** What lies beside the configuration in every artifact, by name. */
  readonly beside: Readonly<Record<string, Uint8Array>>
}

/** Set by the template; each reaches the function's configuration through `env:`. The values are stand-ins. */
const FILLED_IN = {
  account: { variable: 'FIREBREAK_ACCOUNT', standIn: '111122223333' },
  table: { variable: 'FIREBREAK_TABLE', standIn: 'firebreak-ledger' },
  queue: { variable: 'FIREBREAK_QUEUE', standIn: 'https://sqs.example.com/orders' },
  ownRoles: { variable: 'FIREBREAK_OWN_ROLES', standIn: 'AROAEXAMPLE0EXAMPLE00' },
  findingsFrom: { variable: 'FIREBREAK_FINDINGS_FROM', standIn: 'AROAEXAMPLE0EXAMPLE00' },
  deadLetters: { variable: 'FIREBREAK_DEAD_LETTERS', standIn: 'https://sqs.example.com/dead-letters' },
} as const

/** Reads and checks what the operator wrote, so that a mistake ends here and not in the first invocation. */
export function readSettings(path: string): Settings {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    throw new ConfigurationError(`Cannot read ${path}: ${reasonOf(cause)} (docs/deploy.md)`, { cause })
  }
  const parsed = SettingsFile.safeParse(json)
  if (!parsed.success) throw new ConfigurationError(`Cannot read ${path}: ${z.prettifyError(parsed.error)}`)
  const { deployment, configuration } = parsed.data
  for (const name of Object.keys(FILLED_IN))
    if (Object.hasOwn(configuration, name))
      throw new ConfigurationError(`Cannot read ${path}: "${name}" is filled in by the template`)
  refuseClearSecrets(path, configuration)
  const config = readAsFunction(path, configuration, deployment)
  const { file } = config.indicators
  const beside = file === undefined ? {} : { [file]: readFileSync(join(dirname(path), file)) }
  const settings = { deployment, configuration, config, beside }
  checkSources(path, settings.config)
  checkFlowLog(path, settings)
  checkObjects(path, settings)
  return settings
}

/** The configuration file of a function: references to what the template fills in, trackers only where tickets are opened. */
export function configurationOf(name: FunctionName, { configuration }: Pick<Settings, 'configuration'>): string {
  const filledIn = Object.fromEntries(
    Object.entries(FILLED_IN).map(([setting, { variable }]) => [setting, `env:${variable}`]),
  )
  const { tickets, ...rest } = configuration
  const shown = TICKETING.includes(name) && tickets !== undefined ? { tickets } : {}
  return `${JSON.stringify({ ...filledIn, ...rest, ...shown }, undefined, 2)}\n`
}

function readAsFunction(path: string, configuration: Settings['configuration'], { secrets }: Deployment): Config {
  const standIns = Object.values(FILLED_IN).map(({ variable, standIn }) => [variable, standIn])
  const secret = 'a secret that only the deployed function knows'
  try {
    const environment = {
      ...Object.fromEntries([...standIns, ...Object.keys(secrets).map(variable => [variable, secret])]),
      FIREBREAK_CONFIG: configurationOf('respond', { configuration }),
    }
    return readConfig(environment, dirname(path))
  } catch (cause) {
    if (!(cause instanceof ConfigurationError)) throw cause
    throw new ConfigurationError(`Cannot read ${path} as the functions would: ${cause.message}`, { cause })
  }
}

/** What is written here in clear would stand in an artifact, a bucket and somebody's repository. */
function refuseClearSecrets(path: string, value: unknown, at: string[] = []): void {
  if (typeof value !== 'object' || value === null) return
  for (const [name, one] of Object.entries(value)) {
    const where = [...at, name]
    if (/secret|token|password|apikey|routingkey/i.test(name) && typeof one === 'string' && !one.startsWith('env:'))
      throw new ConfigurationError(
        `Cannot read ${path}: "${where.join('.')}" is in clear: write "env:NAME" and name the secret under deployment.secrets`,
      )
    refuseClearSecrets(path, one, where)
  }
}

/** Compiles every format, as watch does when it starts. */
function checkSources(path: string, { logGroups, buckets, streams }: Config): void {
  const logs = { 'log group': logGroups, bucket: buckets, stream: streams }
  for (const [kind, named] of Object.entries(logs))
    for (const [name, { source = 'aws-vpc-flow', fields }] of Object.entries(named))
      try {
        sources[source]?.open({ fields })
      } catch (cause) {
        throw new ConfigurationError(`Cannot read ${path}: ${kind} ${quoted(name)}: ${reasonOf(cause)}`, { cause })
      }
}

/** A notice of a bucket that watch does not know is a dead letter, and a bucket without notices is never read. */
function checkObjects(
  path: string,
  { deployment: { objects }, config }: Pick<Settings, 'deployment' | 'config'>,
): void {
  const told = objects.queues.length > 0 || objects.topics.length > 0 || objects.bus || objects.direct
  const held = Object.keys(config.buckets).length > 0
  if (held && !told)
    throw new ConfigurationError(
      `Cannot read ${path}: configuration.buckets names buckets, and nothing under deployment.objects tells of their objects`,
    )
  if (told && !held)
    throw new ConfigurationError(
      `Cannot read ${path}: deployment.objects tells of objects, and configuration.buckets names no bucket`,
    )
}

function checkFlowLog(
  path: string,
  { deployment: { flowLog }, config }: Pick<Settings, 'deployment' | 'config'>,
): void {
  if (!flowLog) return
  const group = config.logGroups[flowLog.group]
  if (group?.source !== 'aws-vpc-flow' || group.fields === undefined)
    throw new ConfigurationError(
      `Cannot read ${path}: deployment.flowLog.group is ${quoted(flowLog.group)}, and configuration.logGroups has no such group with source "aws-vpc-flow" and fields`,
    )
}
