import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import * as z from 'zod'
import { ConfigurationError, quoted, reasonOf } from '../core/errors.ts'
import { parseIndicatorList } from '../core/operator-indicators.ts'
import { Policy } from '../core/policy.ts'
import { TrackingTimeouts } from '../core/proof.ts'
import { AddressRange, RuleSettings } from '../core/rule-settings.ts'
import { rules } from '../rules/registry.ts'
import { sources } from '../sources/registry.ts'
import { TicketSettings } from '../tickets/registry.ts'

export type Environment = Readonly<Record<string, string | undefined>>

const source = z.string().refine(id => Object.hasOwn(sources, id), {
  error: issue => `no source ${JSON.stringify(issue.input)}; there are ${Object.keys(sources).join(', ')}`,
})

const isRule = (named: string) => rules.some(({ id }) => id === named)

const log = {
  /** The log format of a flow log, as it was given when the flow log was made. */
  fields: z.string().max(4096).optional(),
  /** Firewall name → the VPC whose addresses its records carry. */
  firewalls: z.record(z.string().max(128), z.string().max(64)).optional(),
}

const logGroup = z.strictObject({ source, ...log })
const bucket = z.strictObject({ source: source.optional(), ...log })
const stream = z.strictObject({ source: source.optional(), ...log })

/** As S3 takes them today (S3 User Guide, "General purpose bucket naming rules"). */
const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'the name of a bucket')

const streamArn = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:(?:kinesis:[a-z0-9-]+:\d{12}:stream|firehose:[a-z0-9-]+:\d{12}:deliverystream)\/[A-Za-z0-9_.-]{1,128}$/,
    'the ARN of a Kinesis or Firehose stream',
  )

/** As IAM takes them (CreateRole): a path of up to 512 characters and a name of up to 64. */
const roleName = z.string().regex(/^(?:[\w+=,.@-]{1,128}\/){0,4}[\w+=,.@-]{1,64}$/, 'the name of a role, with its path')

/** Everything that an operator decides, in one place. Unknown settings are errors: a misspelt limit must not be ignored. */
export const Config = z.strictObject({
  account: z.string().regex(/^\d{12}$/, 'an AWS account id has 12 digits'),
  table: z.string().min(3).max(255),
  queue: z.url(),
  deadLetters: z.url(),
  /** The unique id of watch's role: what is deleted and made again under the same name has another. */
  findingsFrom: z
    .string()
    .regex(/^AROA[A-Z0-9]{12,124}$/, 'the unique id of a role')
    .optional(),
  /** The unique ids of the functions' roles, with commas between: what they change is no news to verify. */
  ownRoles: z
    .string()
    .regex(/^AROA[A-Z0-9]{12,124}(?:,AROA[A-Z0-9]{12,124}){0,15}$/, 'unique ids of roles, with commas between')
    .optional(),
  /** Roles and users, by ARN, that may change Firebreak and what it reads without an alarm. */
  deployers: z
    .array(
      z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:(?:role|user)\/[\w+=,.@/-]{1,512}$/, 'the ARN of a role or user'),
    )
    .max(50)
    .default([]),
  logGroups: z.record(z.string().max(512), logGroup).default({}),
  /** Buckets whose objects are read when a notice tells of them. Without a source their keys say whose logs they are. */
  buckets: z.record(bucketName, bucket).default({}),
  /** By ARN. What they carry of log subscriptions goes by `logGroups`; lines are the source's. */
  streams: z.record(streamArn, stream).default({}),
  policy: Policy.refine(
    ({ modes, suppressions }) => [...modes, ...suppressions].every(({ rule }) => rule === undefined || isRule(rule)),
    `an exception names no rule; there are ${rules.map(({ id }) => id).join(', ')}`,
  ).prefault({}),
  /** Addresses of the operator's own proxies: never denied. */
  proxies: z.array(AddressRange).max(1000).default([]),
  tracking: TrackingTimeouts.prefault({}),
  rules: RuleSettings.prefault({}),
  /** A list of the operator's own indicators (docs/indicators.md), added to `rules.indicators`. */
  indicators: z
    .strictObject({
      /** Beside the configuration's file, and packaged with it. */
      file: z
        .string()
        .regex(/^\w[\w.-]{0,123}\.txt$/, 'the name of a .txt file beside the configuration')
        .optional(),
      /** Of `rules.indicators`; a file bears its own. */
      date: z.iso.date().optional(),
      /** Services move: an older list is warned of. */
      maxAgeDays: z.number().int().min(1).max(3650).default(90),
    })
    .prefault({}),
  /** True where resolver query logs cover the VPCs of the scope: only then is a missing DNS answer a signal. */
  dnsCovered: z.boolean().default(false),
  escalation: z
    .strictObject({
      /** Stop an instance whose tracked conversations nothing else can cut. Loses what is in its memory. */
      stop: z.boolean().default(false),
      /** So long after the cut's last change bytes may pass before the instance is stopped, or the ticket's severity raised. */
      afterMinutes: z.number().int().min(1).max(1440).default(15),
      /** Take a public address away that EC2 assigned, where no ACL may deny a peer. The instance never gets the same one again. */
      dropAssigned: z.boolean().default(false),
      /** Cut a subnet off whole in which the instance stands alone. */
      isolateSubnet: z.boolean().default(false),
      /** Lead an instance through an all-open group for so long, to end what is tracked and nothing filters; 0: never. */
      transitSeconds: z.number().int().min(0).max(20).default(0),
    })
    .prefault({}),
  credentials: z
    .strictObject({
      /** Roles of instances whose credentials the function revoke may deny, with their path where they have one. */
      roles: z.array(roleName).max(50).default([]),
      /** Take the instance profile from the instance as well, so that it gets no new credentials. */
      removeProfile: z.boolean().default(false),
    })
    .prefault({}),
  evidence: z
    .strictObject({
      /** How long nobody can delete the snapshots without lifting their lock first (LockSnapshot takes up to 36,500); 0: no lock. */
      lockDays: z.number().int().min(0).max(36_500).default(30),
      /** The forensic account with which the snapshots are shared. */
      shareWith: z
        .string()
        .regex(/^\d{12}$/, 'an AWS account id has 12 digits')
        .optional(),
      /** Where console, screenshot, configuration and log records go, in the functions' own Region; absent: they are not collected. */
      bucket: bucketName.optional(),
      /** Of every file's key there. */
      prefix: z
        .string()
        .regex(/^(?:[\w!.'()-]{1,128}\/){0,4}$/, 'empty, or names with a / behind each')
        .default('firebreak/'),
      /** What the files are encrypted with; absent: as the bucket has it by default. */
      key: z
        .string()
        .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[A-Za-z0-9-]{1,64}$/, 'the ARN of a KMS key')
        .optional(),
    })
    .refine(
      ({ bucket, key }) => key === undefined || bucket !== undefined,
      'a key, and no bucket whose files it encrypts',
    )
    .prefault({}),
  /** A secret is written as `env:NAME` and comes from that environment variable. */
  tickets: z
    .array(TicketSettings)
    .max(8)
    .refine(
      tickets => new Set(tickets.map(({ name, target }) => name ?? target)).size === tickets.length,
      'two of a kind need a name each',
    )
    .default([]),
})
export type Config = z.infer<typeof Config>

const MAX_CONFIG_BYTES = 1 << 20

/**
 * Reads FIREBREAK_CONFIG: the configuration as JSON, or `file:` and the path of a file that holds it. `directory`: where the
 * file of indicators lies; by default beside that file.
 */
export function readConfig(environment: Environment, directory?: string): Config {
  const given = environment['FIREBREAK_CONFIG']
  if (given === undefined || given === '')
    throw new ConfigurationError(
      'Cannot start: the environment variable FIREBREAK_CONFIG is not set (docs/configuration.md)',
    )
  const text = given.startsWith('file:') ? readFrom(given.slice('file:'.length)) : given
  if (text.length > MAX_CONFIG_BYTES)
    throw new ConfigurationError(`Cannot read FIREBREAK_CONFIG: it is larger than ${MAX_CONFIG_BYTES} bytes`)
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new ConfigurationError('Cannot read FIREBREAK_CONFIG: it is not JSON', { cause })
  }
  const parsed = Config.safeParse(withSecrets(json, environment))
  if (!parsed.success) throw new ConfigurationError(`Cannot read FIREBREAK_CONFIG: ${z.prettifyError(parsed.error)}`)
  const beside = directory ?? (given.startsWith('file:') ? dirname(given.slice('file:'.length)) : '.')
  return withIndicators(parsed.data, beside)
}

/** The entries of the file as if they stood in the configuration. */
function withIndicators(config: Config, directory: string): Config {
  const { file } = config.indicators
  if (file === undefined) return config
  try {
    const list = parseIndicatorList(readFileSync(join(directory, file), 'utf8'))
    const rules = RuleSettings.parse({ indicators: list.entries })
    return {
      ...config,
      rules: { ...config.rules, indicators: [...config.rules.indicators, ...rules.indicators] },
      indicators: { ...config.indicators, date: list.date },
    }
  } catch (cause) {
    throw new ConfigurationError(`Cannot use the file of indicators ${quoted(file)}: ${reasonOf(cause)}`, { cause })
  }
}

function readFrom(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw new ConfigurationError(`Cannot read FIREBREAK_CONFIG: ${reasonOf(cause)}`, { cause })
  }
}

/** The settings nest five deep. */
const MAX_DEPTH = 32

/** Replaces `env:NAME` by the variable's value wherever it stands as a whole string. */
function withSecrets(value: unknown, environment: Environment, depth = 0): unknown {
  if (depth > MAX_DEPTH)
    throw new ConfigurationError(`Cannot read FIREBREAK_CONFIG: it nests more than ${MAX_DEPTH} deep`)
  if (typeof value === 'string' && value.startsWith('env:')) {
    const name = value.slice('env:'.length)
    const secret = environment[name]
    if (secret === undefined)
      throw new ConfigurationError(`Cannot read FIREBREAK_CONFIG: the environment variable ${name} is not set`)
    return secret
  }
  if (Array.isArray(value)) return value.map(one => withSecrets(one, environment, depth + 1))
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, one]) => [name, withSecrets(one, environment, depth + 1)]),
    )
  return value
}
